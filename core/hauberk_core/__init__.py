"""The proxy core: one data path that serves as gateway and as sidecar."""
