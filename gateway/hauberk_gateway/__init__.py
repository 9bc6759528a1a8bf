"""The gateway role of the proxy: the outside world's way into the mesh."""
