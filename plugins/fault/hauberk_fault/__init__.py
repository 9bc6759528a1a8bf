"""Faults on purpose: answers that come late, or are errors, for a part of the requests."""
