"""The third of the loop's three seams: which descriptors are ready."""

import errno
import select
import selectors
from typing import Final

from mypy_extensions import mypyc_attr

READ: Final = 1
WRITE: Final = 4
ERROR: Final = 8
HANGUP: Final = 16
# Of one poll where there may be any number of descriptors: enough to empty what 1,000 busy connections have in one call, little
# enough that one batch stays below some milliseconds.
MOST_EVENTS: Final = 256


@mypyc_attr(allow_interpreted_subclasses=True)
class Poller:
    """Level-triggered readiness. READ, WRITE, ERROR and HANGUP are epoll's own numbers, so that Linux needs no translation."""

    def fileno(self) -> int:
        """A descriptor that is readable while any registered one is ready: what the trio task waits on."""
        raise NotImplementedError

    def register(self, descriptor: int, interest: int) -> None:
        """Begin to watch; ERROR and HANGUP are reported unasked, even with `interest` 0."""
        raise NotImplementedError

    def modify(self, descriptor: int, interest: int) -> None:
        """Change what is watched for."""
        raise NotImplementedError

    def unregister(self, descriptor: int) -> None:
        """Stop watching. A descriptor must be unregistered before it is closed."""
        raise NotImplementedError

    def poll(self) -> list[tuple[int, int]]:
        """What is ready now, as (descriptor, events), all of it or at least MOST_EVENTS; never waits."""
        raise NotImplementedError

    def close(self) -> None:
        """Release the poller."""
        raise NotImplementedError


class EpollPoller(Poller):
    """Linux."""

    def __init__(self) -> None:
        self._epoll: Final = select.epoll()

    def fileno(self) -> int:
        return self._epoll.fileno()

    def register(self, descriptor: int, interest: int) -> None:
        self._epoll.register(descriptor, interest)

    def modify(self, descriptor: int, interest: int) -> None:
        self._epoll.modify(descriptor, interest)

    def unregister(self, descriptor: int) -> None:
        try:
            self._epoll.unregister(descriptor)
        except OSError as error:
            # `ssl` closes the descriptor of a peer that leaves while it is being wrapped, and epoll then forgets it by itself.
            if error.errno != errno.EBADF:
                raise

    def poll(self) -> list[tuple[int, int]]:
        return self._epoll.poll(0, MOST_EVENTS)

    def close(self) -> None:
        self._epoll.close()


class SelectorPoller(Poller):
    """Any platform whose selector has a descriptor that can itself be waited on: kqueue (macOS, BSD), and epoll in tests."""

    def __init__(self) -> None:
        self._selector: Final = selectors.DefaultSelector()
        self._idle: Final[set[int]] = set()

    def fileno(self) -> int:
        descriptor = getattr(self._selector, "fileno", None)
        if descriptor is None:
            raise OSError("this platform's selector has no descriptor to wait on; hauberk runs on Linux, macOS and the BSDs")
        return int(descriptor())

    def register(self, descriptor: int, interest: int) -> None:
        if interest:
            self._selector.register(descriptor, _selector_events(interest))
        else:
            self._idle.add(descriptor)

    def modify(self, descriptor: int, interest: int) -> None:
        if descriptor in self._idle:
            if interest:
                self._idle.discard(descriptor)
                self._selector.register(descriptor, _selector_events(interest))
        elif interest:
            self._selector.modify(descriptor, _selector_events(interest))
        else:
            self._selector.unregister(descriptor)
            self._idle.add(descriptor)

    def unregister(self, descriptor: int) -> None:
        if descriptor in self._idle:
            self._idle.discard(descriptor)
        else:
            self._selector.unregister(descriptor)

    def poll(self) -> list[tuple[int, int]]:
        ready: list[tuple[int, int]] = []
        for key, events in self._selector.select(0):
            mask = 0
            if events & selectors.EVENT_READ:
                mask |= READ
            if events & selectors.EVENT_WRITE:
                mask |= WRITE
            ready.append((key.fd, mask))
        return ready

    def close(self) -> None:
        self._selector.close()


def _selector_events(interest: int) -> int:
    events = 0
    if interest & READ:
        events |= selectors.EVENT_READ
    if interest & WRITE:
        events |= selectors.EVENT_WRITE
    return events


def new_poller() -> Poller:
    """The best poller of this platform."""
    if hasattr(select, "epoll"):
        return EpollPoller()
    return SelectorPoller()
