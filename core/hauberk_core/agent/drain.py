"""How long a proxy that shuts down waits for what is in flight."""

from collections.abc import Iterable

from hauberk_core.model.duration import LONGEST_SECONDS
from hauberk_core.model.listener import HttpTimeouts, Listener


def longest_drain(listeners: Iterable[Listener]) -> float:
    """Seconds: the longest that any listener allows; the default where there is none."""
    longest = 0.0
    for listener in listeners:
        for chain in listener.filter_chains:
            longest = max(longest, chain.timeouts.drain.seconds or LONGEST_SECONDS)
    return longest or HttpTimeouts().drain.seconds
