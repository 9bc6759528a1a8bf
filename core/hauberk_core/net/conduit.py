"""Ways by which octets pass from one connection to another without coming into this process."""

from mypy_extensions import mypyc_attr

CONDUIT_BYTES = 256 * 1024
"""As much as one may hold: a bulk read."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Conduit:
    """One direction between two streams. What it has taken from its source and not yet given to its sink, it holds."""

    def __init__(self) -> None:
        self.held: int = 0
        """Octets."""

    def fill(self) -> int | None:
        """Take octets from the source. Returns: how many; 0 at its end of stream; None if there are none now, or no room for any.

        Raises: OSError if the source's connection is broken.
        """
        raise NotImplementedError

    def drain(self) -> None:
        """Give the sink as much as it takes of what is held. Raises: OSError if the sink's connection is broken."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of it, and of what it holds. Never raises; a second call does nothing."""
        raise NotImplementedError
