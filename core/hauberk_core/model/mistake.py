"""A mistake in a decoded snapshot, before its place in a text is known."""

from typing import Literal, NamedTuple

from hauberk_core.model.errors import ConfigError, Path, write_path


class Mistake(NamedTuple):
    """What is wrong at `path`, and what to do. A warning does not keep a snapshot from being used."""

    path: Path
    message: str
    hint: str
    severity: Literal["error", "warning"] = "error"

    def without_place(self) -> ConfigError:
        """As an error of a configuration that was no text."""
        return ConfigError(path=write_path(self.path), message=self.message, hint=self.hint, severity=self.severity)
