"""What SIGHUP means: the terminal is gone, or somebody asks for a replacement, as is the custom with services."""

import os
from typing import Final

_STANDARD_STREAMS: Final = (0, 1, 2)


class Terminal:
    """The terminal that a command was started on, if it was."""

    def __init__(self) -> None:
        """Look now."""
        self._streams: Final = [stream for stream in _STANDARD_STREAMS if os.isatty(stream)]

    def is_gone(self) -> bool:
        """Whether there was one, and it is closed. A terminal that was hung up is none any more, by the kernel's word."""
        return any(not os.isatty(stream) for stream in self._streams)
