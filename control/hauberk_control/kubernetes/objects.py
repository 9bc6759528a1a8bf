"""Objects of any kind, written and read one by one."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec

from hauberk_control.kubernetes.client import APPLY, JSON_PATCH
from hauberk_control.kubernetes.endpoints import Endpoint, read_version
from hauberk_control.kubernetes.errors import CONFLICT, NOT_FOUND, ApiError

FIELD_MANAGER: Final = "hauberk"
"""By this name the API server knows which fields are ours."""

Manifest = dict[str, Any]

_PAGE: Final = "500"


class Requests(Protocol):
    """Whoever can ask the API server."""

    async def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = ...,
    ) -> bytes:
        """Raises: ApiError."""
        ...


class Objects:
    """Calls for objects by their kinds; where each is served is asked once."""

    def __init__(self, client: Requests) -> None:
        self._client: Final = client
        self._endpoints: Final[dict[tuple[str, str], Endpoint]] = {}

    async def apply(self, manifest: Mapping[str, Any], subresource: str = "", *, dry_run: bool = False) -> Manifest:
        """Server-side apply: the fields in `manifest` are ours from now on, and as they stand there.

        Fields that we applied before and that are not in it go. A resource version in it is a condition.
        Args: dry_run - change nothing, and tell what would become of it. Returns: the object as it is stored. Raises: ApiError.
        """
        metadata = manifest["metadata"]
        endpoint = await self._endpoint(manifest["apiVersion"], manifest["kind"])
        path = endpoint.object(metadata.get("namespace", ""), metadata["name"], subresource)
        query = {"fieldManager": FIELD_MANAGER, "force": "true"}
        if dry_run:
            query["dryRun"] = "All"
        return _read(await self._client.request("PATCH", path, query, msgspec.json.encode(manifest), APPLY))

    async def json_patch(self, api_version: str, kind: str, namespace: str, name: str, patch: Sequence[object]) -> Manifest:
        """Change an object step by step (RFC 6902). Returns: it, as it is stored. Raises: ApiError."""
        endpoint = await self._endpoint(api_version, kind)
        path = endpoint.object(namespace, name)
        return _read(await self._client.request("PATCH", path, None, msgspec.json.encode(patch), JSON_PATCH))

    async def get(self, api_version: str, kind: str, namespace: str, name: str) -> Manifest | None:
        """An object, or None if there is none. Raises: ApiError."""
        endpoint = await self._endpoint(api_version, kind)
        try:
            return _read(await self._client.request("GET", endpoint.object(namespace, name)))
        except ApiError as error:
            if error.status == NOT_FOUND:
                return None
            raise

    async def create(self, manifest: Mapping[str, Any]) -> Manifest:
        """Create an object. Returns: it, as it is stored. Raises: ApiError, of the status 409 if it is there already."""
        endpoint = await self._endpoint(manifest["apiVersion"], manifest["kind"])
        path = endpoint.collection(manifest["metadata"].get("namespace", ""))
        return _read(await self._client.request("POST", path, None, msgspec.json.encode(manifest)))

    async def update(self, manifest: Mapping[str, Any]) -> Manifest:
        """Replace an object; the resource version in it is a condition.

        Returns: it, as it is stored. Raises: ApiError, of the status 409 if somebody else was faster.
        """
        metadata = manifest["metadata"]
        endpoint = await self._endpoint(manifest["apiVersion"], manifest["kind"])
        path = endpoint.object(metadata.get("namespace", ""), metadata["name"])
        return _read(await self._client.request("PUT", path, None, msgspec.json.encode(manifest)))

    async def delete(self, api_version: str, kind: str, namespace: str, name: str, uid: str) -> None:
        """Delete an object if it is still the one meant; what belongs to it is deleted behind our back.

        Raises: ApiError; not where it is gone already, or another one has taken its name.
        """
        endpoint = await self._endpoint(api_version, kind)
        options = {
            "kind": "DeleteOptions",
            "apiVersion": "v1",
            "propagationPolicy": "Background",
            "preconditions": {"uid": uid},
        }
        try:
            await self._client.request("DELETE", endpoint.object(namespace, name), None, msgspec.json.encode(options))
        except ApiError as error:
            if error.status not in (NOT_FOUND, CONFLICT):
                raise

    async def list(self, api_version: str, kind: str, label_selector: str) -> Sequence[Manifest]:
        """All objects with these labels, in all namespaces. Raises: ApiError."""
        endpoint = await self._endpoint(api_version, kind)
        query = {"labelSelector": label_selector, "limit": _PAGE}
        found: list[Manifest] = []
        while True:
            page = _read(await self._client.request("GET", endpoint.collection(), query))
            found += [{"apiVersion": api_version, "kind": kind, **item} for item in page.get("items") or ()]
            query["continue"] = page.get("metadata", {}).get("continue", "")
            if not query["continue"]:
                return found

    async def _endpoint(self, api_version: str, kind: str) -> Endpoint:
        known = self._endpoints.get((api_version, kind))
        if known is None:
            for name, endpoint in (await read_version(self._client, api_version)).items():
                self._endpoints[api_version, name] = endpoint
            known = self._endpoints.get((api_version, kind))
        if known is None:
            raise ApiError(NOT_FOUND, f"the API server does not serve {kind} of {api_version}")
        return known


def _read(answer: bytes) -> Manifest:
    try:
        return msgspec.json.decode(answer, type=Manifest)
    except (msgspec.MsgspecError, ValueError) as error:
        raise ApiError(0, f"the API server's answer is no object: {error}") from error
