"""Whose code is at work: a note that synchronous calls of plugins leave for whoever looks from another thread."""

from typing import Final


class Running:
    """Written around each synchronous call: two stores, so that it costs nothing that could be measured."""

    __slots__ = ("method", "packages", "plugin")

    def __init__(self) -> None:
        self.plugin: str = ""
        """The name of the plugin that was called and has not returned; empty: none was."""
        self.method: str = ""
        self.packages: Final[dict[str, str]] = {}
        """The plugin by the package that its objects' classes come from: to know it by its frames where it waits in tasks."""

    def begin(self, plugin: str, method: str) -> None:
        """A call of `plugin` begins."""
        self.plugin = plugin
        self.method = method

    def end(self) -> None:
        """It has returned, or raised."""
        self.plugin = ""
        self.method = ""

    def knows(self, plugin: str, made: object) -> None:
        """An object of a plugin is in use."""
        package = type(made).__module__.partition(".")[0]
        if package != __name__.partition(".")[0]:  # else it stands in for a plugin that is not there
            self.packages.setdefault(package, plugin)
