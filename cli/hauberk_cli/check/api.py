"""What checks ask a cluster by."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class ObjectApi(Protocol):
    """Whoever reads objects (`hauberk_control.kubernetes.objects.Objects`). Both raise ApiError."""

    async def get(self, api_version: str, kind: str, namespace: str, name: str) -> Mapping[str, Any] | None: ...

    async def list(self, api_version: str, kind: str, label_selector: str) -> Sequence[Mapping[str, Any]]: ...


class Asks(Protocol):
    """Whoever asks the API server."""

    async def request(self, method: str, path: str, query: Mapping[str, str] | None = None, body: bytes | None = None) -> bytes:
        """Raises: ApiError."""
        ...
