"""The types of every resource kind, and how they are read; no I/O."""
