"""The tables of one worker, which outlive configurations."""

from typing import Final

from hauberk_core.plugin.data import Services
from hauberk_ratelimit.table import Table


class Tables:
    """Tables by name, each for as long as some filter holds it: a configuration that goes on with a limit goes on counting."""

    def __init__(self, services: Services) -> None:
        self._services: Final = services
        self._held: Final[dict[str, tuple[Table, int]]] = {}

    def hold(self, name: str, keys: int) -> Table:
        """The table of a name, made if there is none. Args: keys - the same for the same name."""
        held = self._held.get(name)
        if held is None:
            table = Table(name, keys, self._services)
            self._held[name] = (table, 1)
            return table
        self._held[name] = (held[0], held[1] + 1)
        return held[0]

    def release(self, name: str) -> None:
        """One filter holds it no more."""
        table, holders = self._held.pop(name)
        if holders > 1:
            self._held[name] = (table, holders - 1)
        else:
            table.release()
