"""Limits on how many requests a proxy takes within a time, for all together or for each client, counted by all its workers."""
