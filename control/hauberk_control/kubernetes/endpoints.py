"""Where the API server serves each kind: paths, told by its discovery documents."""

from collections.abc import Iterable
from typing import Final, NamedTuple, Protocol
from urllib.parse import quote

import msgspec

from hauberk_control.kubernetes.errors import NOT_FOUND, ApiError
from hauberk_core.resources import Resource


class Endpoint(NamedTuple):
    """Where objects of one kind are, in one version."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool
    has_status: bool = False
    """Whether `status` is written apart from the rest."""

    def collection(self, namespace: str = "") -> str:
        """The path of all objects; of one namespace where that is given."""
        root = f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"
        return f"{root}/namespaces/{quote(namespace)}/{self.plural}" if namespace else f"{root}/{self.plural}"

    def object(self, namespace: str, name: str, subresource: str = "") -> str:
        """The path of one object. Args: namespace - means nothing for kinds that do not live in one."""
        path = f"{self.collection(namespace if self.namespaced else '')}/{quote(name)}"
        return f"{path}/{subresource}" if subresource else path


class Asks(Protocol):
    """Whoever can ask the API server."""

    async def request(self, method: str, path: str) -> bytes:
        """Raises: ApiError."""
        ...


class _Listed(msgspec.Struct):
    name: str
    kind: str
    namespaced: bool = True


class _ResourceList(msgspec.Struct):
    resources: list[_Listed] = []


async def read_version(client: Asks, api_version: str) -> dict[str, Endpoint]:
    """All kinds of one API version, by name; none where the API server does not serve it.

    Raises: ApiError.
    """
    path = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
    try:
        answer = await client.request("GET", path)
    except ApiError as error:
        if error.status == NOT_FOUND:
            return {}
        raise
    try:
        listed = msgspec.json.decode(answer, type=_ResourceList).resources
    except (msgspec.MsgspecError, ValueError) as error:
        raise ApiError(0, f"GET {path}: this is no list of resources: {error}") from error
    with_status = {each.name.partition("/")[0] for each in listed if each.name.endswith("/status")}
    return {
        each.kind: Endpoint(api_version, each.kind, each.name, each.namespaced, each.name in with_status)
        for each in listed
        if "/" not in each.name
    }


async def find_endpoints(client: Asks, kinds: Iterable[type[Resource]]) -> dict[tuple[str, str], Endpoint]:
    """Where each kind is served, in the best version that is, by group and kind; without those that are not served.

    Raises: ApiError.
    """
    versions: dict[str, dict[str, Endpoint]] = {}
    found: dict[tuple[str, str], Endpoint] = {}
    for kind in kinds:
        for version in kind.VERSIONS:
            api_version = f"{kind.GROUP}/{version}" if kind.GROUP else version
            if api_version not in versions:
                versions[api_version] = await read_version(client, api_version)
            endpoint = versions[api_version].get(kind.KIND)
            if endpoint is not None:
                found[kind.GROUP, kind.KIND] = endpoint
                break
    return found


METADATA_ONLY: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
"""What to accept for a watch of objects of which only names and versions are wanted."""
METADATA_LIST_ONLY: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
