"""VirtualServices, as far as sidecars act on them: which one counts for a service, and its rules in the proxy's terms."""
