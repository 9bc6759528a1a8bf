"""A file without a name, for memory that processes share."""

import os
import tempfile


def memory_file(name: str) -> int:
    """An empty file's descriptor, the caller's to close. Args: name - for whoever looks at the process's descriptors."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create(name, os.MFD_CLOEXEC)
    with tempfile.TemporaryFile(prefix=f"{name}-") as file:
        return os.dup(file.fileno())
