"""Control on a Kubernetes cluster: what is there and not on a laptop."""
