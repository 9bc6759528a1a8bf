"""What a loop watches."""

from mypy_extensions import mypyc_attr


@mypyc_attr(allow_interpreted_subclasses=True)
class Watched:
    """What has a descriptor, and closes."""

    def fileno(self) -> int:
        """The descriptor the poller watches."""
        raise NotImplementedError

    def close(self) -> None:
        """Release the descriptor. Never raises, never waits; a second call does nothing."""
        raise NotImplementedError
