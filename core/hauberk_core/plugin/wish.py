"""What a filter may want of the proxy before a head goes on, in place of an answer.

A filter's `request` and `response` return one of these, a Reply, or None. The proxy keeps the exchange meanwhile; the loop and
everybody else go on.
"""

from typing import Final

from mypy_extensions import mypyc_attr

from hauberk_core.plugin.reply import Reply

# A wait that outlives every client's patience only holds a connection.
LONGEST_PAUSE: Final = 3600.0
# More than any body that is worth keeping whole in a proxy's memory.
LARGEST_WHOLE: Final = 64 * 1024 * 1024


@mypyc_attr(allow_interpreted_subclasses=True)
class Wish:
    """Base of what may be wanted; made here, not by plugins."""


class Pause(Wish):
    """Let the exchange stand still for a while, then go on behind this filter, or be answered.

    Where too many exchanges stand still already, it is as if the time had passed.
    """

    __slots__ = ("seconds", "then")

    def __init__(self, seconds: float, then: Reply | None = None) -> None:
        """Ask for it.

        Args: seconds - above 0, by a tick of the proxy's timers more or less; then - the answer behind it; None: the exchange
            goes on.
        Raises: ValueError for no time, or more than an hour.
        """
        if not 0.0 < seconds <= LONGEST_PAUSE:
            raise ValueError("a pause lasts more than 0 and at most " + str(int(LONGEST_PAUSE)) + " seconds")
        self.seconds: Final = seconds
        self.then: Final = then


class Whole(Wish):
    """Keep the head until the body is complete.

    A request goes to an endpoint only then; one whose body is longer is answered 413, before it is read where its length was
    announced. A response is passed on with its length; one that is longer, or finds no room, is passed on as it comes.
    """

    __slots__ = ("limit",)

    def __init__(self, limit: int) -> None:
        """Ask for it. Args: limit - octets, at most 64 MiB. Raises: ValueError for another number."""
        if not 0 <= limit <= LARGEST_WHOLE:
            raise ValueError("a body is kept whole up to a limit of 0 to " + str(LARGEST_WHOLE) + " octets")
        self.limit: Final = limit


class LeaveBody(Wish):
    """Want nothing of this message's body.

    The filter's body method is not called for it, and if no other filter wants the body its announced length stays.
    """


LEAVE_BODY: Final = LeaveBody()
"""The one there is."""
