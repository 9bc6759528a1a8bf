"""Whether the agent that ends is one that another follows, or the last one."""

import http.client
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

import msgspec

from hauberk_sidecar.cni.api_server import ApiServer, ApiUnavailable

# Whoever removes an installation removes rights and accounts with it, in an order of their own.
_WITHOUT_RIGHTS: Final = frozenset((http.client.UNAUTHORIZED, http.client.FORBIDDEN, http.client.NOT_FOUND))


class _Object(msgspec.Struct, frozen=True):
    metadata: Mapping[str, object]


def is_removed(api: ApiServer, namespace: str, daemon_set: str) -> bool:
    """Whether the DaemonSet is gone, or going. Blocks for seconds at most. Raises: ApiUnavailable: nobody knows."""
    answer = api.get(f"/apis/apps/v1/namespaces/{quote(namespace, safe='')}/daemonsets/{quote(daemon_set, safe='')}")
    if answer.status in _WITHOUT_RIGHTS:
        return True
    if answer.status != http.client.OK:
        raise ApiUnavailable(f"the API server answers {answer.status} for DaemonSet {namespace}/{daemon_set}")
    try:
        return "deletionTimestamp" in msgspec.json.decode(answer.body, type=_Object).metadata
    except msgspec.DecodeError as error:
        raise ApiUnavailable(f"the API server's answer for DaemonSet {namespace}/{daemon_set} cannot be read: {error}") from error
