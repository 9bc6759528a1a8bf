"""Where a cluster counts."""

from mypy_extensions import mypyc_attr


@mypyc_attr(allow_interpreted_subclasses=True)
class UpstreamMeters:
    """Where a cluster counts what happens to its connections."""

    def connection_opened(self) -> None:
        """An upstream connection stands."""

    def connection_closed(self) -> None:
        """An established one was closed."""

    def connect_failed(self) -> None:
        """One attempt to connect failed."""

    def overflowed(self) -> None:
        """A request was refused because of a limit."""

    def wait_began(self) -> None:
        """A request waits for a connection."""

    def wait_ended(self) -> None:
        """A request that waited does so no more."""
