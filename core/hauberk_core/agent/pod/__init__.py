"""A proxy in a pod: who it is by its environment, the kubelet's probes, and whether the pod's connections are led to it."""
