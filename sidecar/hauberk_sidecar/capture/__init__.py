"""Traffic capture: rules of the kernel that lead a pod's TCP connections to its proxy, and the program that installs them."""
