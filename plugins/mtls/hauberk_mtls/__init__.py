"""Mutual TLS between proxies, as a plugin."""
