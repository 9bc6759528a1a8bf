"""What the API server knows of pods."""

import http.client
from collections.abc import Iterator, Mapping
from typing import Final, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from hauberk_sidecar.cni.api_server import Answer, ApiServer, ApiUnavailable

_Shape = TypeVar("_Shape")

_PAGE: Final = 10
# kubelet runs 110 pods on a node, and hundreds where somebody says so.
_MOST_PAGES: Final = 500
_ENDED: Final = frozenset(("Succeeded", "Failed"))


class _Metadata(msgspec.Struct, frozen=True, rename="camel"):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    annotations: dict[str, str] | None = None
    deletion_timestamp: str | None = None


class _Status(msgspec.Struct, frozen=True):
    phase: str = ""


class _Pod(msgspec.Struct, frozen=True):
    metadata: _Metadata
    status: _Status = _Status()


class _PageMetadata(msgspec.Struct, frozen=True, rename={"next_page": "continue"}):
    next_page: str = ""


class _PodPage(msgspec.Struct, frozen=True):
    items: list[_Pod]
    metadata: _PageMetadata = _PageMetadata()


class Pod(msgspec.Struct, frozen=True):
    """What matters of it."""

    namespace: str
    name: str
    uid: str
    annotations: Mapping[str, str]
    runs: bool = True
    """Whether its containers have a network now, or will have one: it has not ended and is not being deleted."""

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class Pods:
    """The pods of a cluster."""

    def __init__(self, api: ApiServer) -> None:
        self._api: Final = api

    def get(self, namespace: str, name: str) -> Pod | None:
        """A pod; None: there is none of that name. Blocks for seconds at most. Raises: ApiUnavailable."""
        answer = self._api.get(f"/api/v1/namespaces/{quote(namespace, safe='')}/pods/{quote(name, safe='')}")
        if answer.status == http.client.NOT_FOUND:
            return None
        return _pod(_decoded(answer, f"pod {namespace}/{name}", _Pod))

    def of_node(self, node: str) -> Iterator[Pod]:
        """The pods of a node. Blocks for seconds at most with each page of them. Raises: ApiUnavailable."""
        query = {"fieldSelector": f"spec.nodeName={node}", "limit": str(_PAGE)}
        for _ in range(_MOST_PAGES):
            page = _decoded(self._api.get(f"/api/v1/pods?{urlencode(query)}"), f"the pods of node {node}", _PodPage)
            yield from [_pod(one) for one in page.items]
            if not page.metadata.next_page:
                return
            query["continue"] = page.metadata.next_page


def _decoded(answer: Answer, what: str, shape: type[_Shape]) -> _Shape:
    if answer.status != http.client.OK:
        raise ApiUnavailable(f"the API server answers {answer.status} for {what}: {answer.body[:200]!r}")
    try:
        return msgspec.json.decode(answer.body, type=shape)
    except msgspec.DecodeError as error:
        raise ApiUnavailable(f"the API server's answer for {what} cannot be read: {error}") from error


def _pod(found: _Pod) -> Pod:
    metadata = found.metadata
    runs = metadata.deletion_timestamp is None and found.status.phase not in _ENDED
    return Pod(metadata.namespace, metadata.name, metadata.uid, metadata.annotations or {}, runs)
