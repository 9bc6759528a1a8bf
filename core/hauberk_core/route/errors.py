"""Mistakes in a route table: each says where, what, and what to write instead."""

from typing import Final

from hauberk_core.model.errors import Path, write_path


class RouteError(ValueError):
    """One mistake."""

    def __init__(self, path: Path, message: str, hint: str) -> None:
        super().__init__(f"{write_path(path)}: {message}\n    {hint}")
        self.path: Final = path
        """The way from the route table to the wrong value; a caller puts its own steps in front."""
        self.message: Final = message
        """What is wrong, with the names of the virtual host and the route."""
        self.hint: Final = hint
        """What to do about it."""


class RouteErrors(ValueError):
    """A route table was refused; `errors` holds every mistake found, in the table's order."""

    def __init__(self, errors: list[RouteError]) -> None:
        super().__init__("\n".join([str(error) for error in errors]))
        self.errors: Final = errors
