"""Injection: what makes a pod one of the mesh."""
