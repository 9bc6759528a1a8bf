"""The addresses behind the names of endpoints: what a cluster asks for, and how it hears of them.

Looking a name up waits, so it is done beside the loop; here is only the seam.
"""

from mypy_extensions import mypyc_attr


@mypyc_attr(allow_interpreted_subclasses=True)
class Resolver:
    """Looks names up beside the loop, again and again while somebody watches."""

    def watch(self, name: str, watcher: "NameWatcher") -> None:
        """Tell `watcher` the addresses of `name`, now or later, and whenever they change. Watching twice is watching once."""
        raise NotImplementedError

    def unwatch(self, name: str, watcher: "NameWatcher") -> None:
        """Tell no more."""
        raise NotImplementedError


@mypyc_attr(allow_interpreted_subclasses=True)
class NameWatcher:
    """Whoever wants to know a name's addresses."""

    def resolved(self, name: str, hosts: list[str]) -> None:
        """The numeric addresses of `name`; empty if it has none or looking it up failed the first time."""
        raise NotImplementedError
