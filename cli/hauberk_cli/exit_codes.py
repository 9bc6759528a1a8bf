"""What the command's exit codes mean; the help of `hauberk` lists them too."""

from typing import Final

OK: Final = 0
CHECK_FAILED: Final = 1
"""What was to be checked is wrong."""
USAGE: Final = 2
"""The command line is wrong; nothing was done."""
NOT_STARTED: Final = 3
"""The command line is right, but the work could not begin or go on: a port in use, a file missing, a configuration refused."""
INTERRUPTED: Final = 130
"""Ctrl-C that cut something off (128 and the signal's number, as shells count). A proxy that could finish exits with 0."""
