"""Weighted routing that people notice nothing of: sticky choices, sessions, and a way out when a version is down."""
