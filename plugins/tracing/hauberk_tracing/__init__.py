"""Distributed tracing, as a plugin."""
