"""What may be wrong with a plugin that is asked for."""

from typing import Final


class PluginMissing(Exception):
    """A plugin cannot be used; `hint` says what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint: Final = hint
