"""The third of the loop's three seams: which descriptors are ready."""

import select
import selectors
from typing import Final

from mypy_extensions import mypyc_attr

READ: Final = 1
WRITE: Final = 4
# What epoll reports unasked; a selector's users see such a descriptor as readable.
ERROR: Final = 8
HANGUP: Final = 16


@mypyc_attr(allow_interpreted_subclasses=True)
class Poller:
    """Level-triggered readiness. The numbers READ, WRITE, ERROR and HANGUP are epoll's own, so that Linux needs no translation."""

    def fileno(self) -> int:
        """A descriptor that is readable while any registered one is ready: what the trio task waits on."""
        raise NotImplementedError

    def register(self, descriptor: int, interest: int) -> None:
        """Begin to watch; `interest` 0 reports only errors and hang-ups."""
        raise NotImplementedError

    def modify(self, descriptor: int, interest: int) -> None:
        """Change what is watched for."""
        raise NotImplementedError

    def unregister(self, descriptor: int) -> None:
        """Stop watching. A descriptor must be unregistered before it is closed."""
        raise NotImplementedError

    def poll(self) -> list[tuple[int, int]]:
        """What is ready now, as (descriptor, events); never waits."""
        raise NotImplementedError

    def close(self) -> None:
        """Release the poller."""
        raise NotImplementedError
