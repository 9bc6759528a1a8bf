"""How an access log writes one exchange."""

from mypy_extensions import mypyc_attr

from hauberk_core.observe.record import Record


@mypyc_attr(allow_interpreted_subclasses=True)
class LineFormat:
    """Turns records into lines. Whatever a record's values are, the result is one line of printable ASCII."""

    __slots__ = ()

    def line(self, record: Record) -> bytes:
        """The line, with its line feed."""
        raise NotImplementedError
