"""Answers that the configuration holds: no endpoint is asked."""
