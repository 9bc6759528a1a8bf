"""Gateway API (gateway.networking.k8s.io), standard channel."""
