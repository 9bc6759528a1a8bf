"""Keeps requests and responses until they are complete: slow clients hold no endpoint, and half an answer reaches nobody."""
