"""What may go wrong between control and the Kubernetes API."""

from typing import Final

GONE: Final = 410
"""What was asked for, a resource version or a page, is too old: list again."""
CONFLICT: Final = 409
"""Somebody else was faster."""
NOT_FOUND: Final = 404
FORBIDDEN: Final = 403


class NoCluster(Exception):
    """There are no credentials of a cluster; the message says where they were looked for."""


class ApiError(Exception):
    """The API server refused, or could not be asked.

    `status` is HTTP's, 0 where there was no answer: whether a request had an effect is then not known.
    """

    def __init__(self, status: int, message: str, words: str = "") -> None:
        super().__init__(message)
        self.status: Final = status
        self.message: Final = message
        self.words: Final = words
        """The API server's own, bounded; empty where it said nothing."""


class Unreachable(ApiError):
    """The API server could not be asked, or its answer broke off. The client tells the log, once for all who ask."""

    def __init__(self, message: str) -> None:
        super().__init__(0, message)
