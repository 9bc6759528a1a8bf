"""Puts an installation into a cluster, and takes it out again."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

import trio

from hauberk_cli.install.serving import serves
from hauberk_control.kubernetes.errors import NOT_FOUND, ApiError
from hauberk_core import pod

MANAGER_LABEL: Final = "app.kubernetes.io/managed-by"
_LOOK_SECONDS: Final = 0.5
# A definition is served a moment after it was made.
_DEFINITION_SECONDS: Final = 30.0


class ObjectApi(Protocol):
    """Whoever reads and writes objects (`hauberk_control.kubernetes.objects.Objects`). All raise ApiError."""

    async def apply(self, manifest: Mapping[str, Any], *, dry_run: bool = False) -> Mapping[str, Any]: ...

    async def get(self, api_version: str, kind: str, namespace: str, name: str) -> Mapping[str, Any] | None: ...

    async def delete(self, api_version: str, kind: str, namespace: str, name: str, uid: str) -> None: ...

    async def list(self, api_version: str, kind: str, label_selector: str) -> Sequence[Mapping[str, Any]]: ...


class Done(NamedTuple):
    """What became of one object."""

    kind: str
    name: str
    """With its namespace and a slash before it, where it has one."""
    what: str


class HelmOwns(Exception):
    """The installation is Helm's."""


async def refuse_helms(api: ObjectApi, manifests: Sequence[Mapping[str, Any]]) -> None:
    """Two who manage one object undo each other's work. Raises: HelmOwns, ApiError."""
    for manifest in manifests:
        if manifest["kind"] == "Deployment":
            found = await _get(api, manifest)
            if found is not None and found["metadata"].get("labels", {}).get(MANAGER_LABEL) == "Helm":
                raise HelmOwns(f"{_name(manifest)} was installed by Helm")


async def apply_all(api: ObjectApi, manifests: Sequence[Mapping[str, Any]]) -> AsyncIterator[Done]:
    """Apply all objects in their order. Raises: ApiError."""
    for manifest in manifests:
        found = await _get(api, manifest)
        stored = await _apply_served(api, manifest)
        if found is None:
            what = "created"
        else:
            what = "unchanged" if _version(found) == _version(stored) else "configured"
        yield Done(str(manifest["kind"]), _name(manifest), what)


async def _apply_served(api: ObjectApi, manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """Apply, if need be once the API server serves the kind, whose definition may be a moment old. Raises: ApiError."""
    with trio.move_on_after(_DEFINITION_SECONDS):
        while True:
            try:
                return await api.apply(manifest)
            except ApiError as error:
                if error.status != NOT_FOUND or "." not in manifest["apiVersion"]:
                    raise
            await trio.sleep(_LOOK_SECONDS)
    return await api.apply(manifest)


async def changes(api: ObjectApi, manifests: Sequence[Mapping[str, Any]]) -> AsyncIterator[Done]:
    """What `apply_all` would do, by the API server's own word. Raises: ApiError."""
    for manifest in manifests:
        found = await _get(api, manifest)
        if found is None:
            yield Done(str(manifest["kind"]), _name(manifest), "would be created")
        elif _without_bookkeeping(await api.apply(manifest, dry_run=True)) != _without_bookkeeping(found):
            yield Done(str(manifest["kind"]), _name(manifest), "would be changed")


async def wait_serving(api: ObjectApi, manifests: Sequence[Mapping[str, Any]]) -> None:
    """Return when what was applied serves, control and what it makes of the rest. Cancellation: at any time. Raises: ApiError."""
    for manifest in manifests:
        while True:
            if serves(str(manifest["kind"]), await _get(api, manifest) or {}):
                break
            await trio.sleep(_LOOK_SECONDS)


async def delete_all(api: ObjectApi, manifests: Sequence[Mapping[str, Any]]) -> AsyncIterator[Done]:
    """Remove all objects, the last first. Raises: ApiError."""
    for manifest in reversed(manifests):
        found = await _get(api, manifest)
        if found is not None:
            metadata = found["metadata"]
            namespace = metadata.get("namespace", "")
            await api.delete(manifest["apiVersion"], manifest["kind"], namespace, metadata["name"], metadata["uid"])
            yield Done(str(manifest["kind"]), _name(manifest), "deleted")


async def left_behind(api: ObjectApi) -> list[Mapping[str, Any]]:
    """What control has made while it ran, and nobody else needs: the roots in every namespace. Raises: ApiError."""
    found = await api.list("v1", "ConfigMap", "")
    return [one for one in found if one["metadata"]["name"] == pod.ROOT_CONFIG_MAP]


async def _get(api: ObjectApi, manifest: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Raises: ApiError, but not where the kind is not served."""
    metadata = manifest["metadata"]
    try:
        return await api.get(manifest["apiVersion"], manifest["kind"], metadata.get("namespace", ""), metadata["name"])
    except ApiError as error:
        if error.status == NOT_FOUND:
            return None
        raise


def _without_bookkeeping(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What a person has said of an object, and its status left out."""
    metadata = {
        name: value
        for name, value in manifest["metadata"].items()
        if name not in ("managedFields", "resourceVersion", "generation")
    }
    return {**{name: value for name, value in manifest.items() if name != "status"}, "metadata": metadata}


def _version(manifest: Mapping[str, Any]) -> str:
    return str(manifest["metadata"].get("resourceVersion", ""))


def _name(manifest: Mapping[str, Any]) -> str:
    metadata = manifest["metadata"]
    return f"{metadata['namespace']}/{metadata['name']}" if "namespace" in metadata else str(metadata["name"])
