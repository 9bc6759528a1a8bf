"""What every source of objects does."""

from typing import NamedTuple

from hauberk_control.store import Store
from hauberk_core.model.errors import ConfigError


class Loaded(NamedTuple):
    """Objects that may be worked from, and what is wrong with the others; warnings are among the errors."""

    store: Store
    errors: tuple[ConfigError, ...]


class Source:
    """Yields the objects, again whenever one changes."""

    async def next(self) -> Loaded:
        """Wait for objects or errors that differ from the last ones; the first call waits for no change.

        Cancellation: safe; what was under way is seen by the next call.
        """
        raise NotImplementedError
