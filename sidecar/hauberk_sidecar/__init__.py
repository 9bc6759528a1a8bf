"""The sidecar role of the proxy: beside one workload, it carries everything in and out of it."""
