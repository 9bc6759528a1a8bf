"""Side-by-side measurements of hauberk and other proxies doing the same work; run as `python -m bench`."""
