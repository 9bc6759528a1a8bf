"""Gateway API (gateway.networking.k8s.io), experimental channel."""
