"""Circuit breaking: limits on what is under way to a service, and a rest for endpoints that fail."""
