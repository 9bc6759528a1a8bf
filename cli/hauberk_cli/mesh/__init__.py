"""The commands that run a mesh on this machine, and look at it."""
