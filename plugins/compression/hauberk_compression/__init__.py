"""Compresses responses on their way to clients that take them so."""
