"""Signals to process groups."""

import os


def signal_group(group: int, number: int) -> bool:
    """Send a signal (0: none) to every process of a group. False: there is none left."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # macOS answers EPERM for a group of zombies
        return False
    return True
