"""Which media types are compressed."""

from typing import Final


class MediaTypes:
    """Types by name, by their first part, and by their suffix."""

    def __init__(self, patterns: tuple[str, ...]) -> None:
        """Args: patterns - `text/css`, `text/*` and `application/*+json`, in lower case."""
        self._names: Final = frozenset([pattern for pattern in patterns if "*" not in pattern])
        self._beginnings: Final = tuple([pattern[:-1] for pattern in patterns if pattern.endswith("/*")])
        self._suffixes: Final = [
            (kind + "/", suffix) for kind, asterisk, suffix in [pattern.partition("/*") for pattern in patterns] if suffix
        ]

    def has(self, content_type: str) -> bool:
        """Whether a field Content-Type names one of them. Messages of gRPC are compressed by those who write them."""
        name = content_type.partition(";")[0].strip(" \t").lower()
        if name.startswith("application/grpc"):
            return False
        if name in self._names or name.startswith(self._beginnings):
            return True
        for beginning, suffix in self._suffixes:  # noqa: SIM110 - compiled code has no generators to spare
            if name.startswith(beginning) and name.endswith(suffix):
                return True
        return False
