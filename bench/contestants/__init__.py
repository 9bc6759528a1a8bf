"""The proxies under test: each writes the configuration of the same reverse proxy in its own language."""
