"""Istio's kinds."""
