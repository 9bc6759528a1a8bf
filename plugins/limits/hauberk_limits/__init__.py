"""Limits on how large requests may be, where some routes want narrower ones than their listener."""
