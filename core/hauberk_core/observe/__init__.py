"""What a proxy tells about its traffic: counters in shared memory, the access log, and the small values that both need."""
