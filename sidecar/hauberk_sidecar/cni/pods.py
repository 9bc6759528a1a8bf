"""What the API server knows of a pod: one GET by the standard library, so that the agent needs no client of 20 MiB."""

import http.client
import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote

import msgspec

# Where kubelet puts what a pod may show to the API server.
ACCOUNT_FOLDER: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_TIMEOUT_SECONDS: Final = 5.0
# etcd takes objects up to 1.5 MiB; as JSON they are a little more.
_MOST_BYTES: Final = 4 << 20


class PodUnavailable(Exception):
    """The API server cannot be asked now; it is worth another try."""


class _Metadata(msgspec.Struct, frozen=True):
    uid: str = ""
    annotations: dict[str, str] | None = None


class _Pod(msgspec.Struct, frozen=True):
    metadata: _Metadata


class Pod(msgspec.Struct, frozen=True):
    """What matters of it."""

    uid: str
    annotations: Mapping[str, str]


class Pods:
    """The API server of the cluster that this process is a pod of."""

    def __init__(self, environment: Mapping[str, str] = os.environ, folder: Path = ACCOUNT_FOLDER) -> None:
        """Raises: KeyError if this process is no pod's."""
        self._host: Final = environment["KUBERNETES_SERVICE_HOST"]
        self._port: Final = int(environment["KUBERNETES_SERVICE_PORT"])
        self._folder: Final = folder

    def get(self, namespace: str, name: str) -> Pod | None:
        """A pod; None: there is none of that name. Blocks for seconds at most. Raises: PodUnavailable."""
        path = f"/api/v1/namespaces/{quote(namespace, safe='')}/pods/{quote(name, safe='')}"
        try:
            # Read anew each time: kubelet replaces both.
            token = (self._folder / "token").read_text().strip()
            trust = ssl.create_default_context(cafile=self._folder / "ca.crt")
            connection = http.client.HTTPSConnection(self._host, self._port, timeout=_TIMEOUT_SECONDS, context=trust)
            try:
                connection.request("GET", path, headers={"Authorization": f"Bearer {token}", "Accept": "application/json"})
                answer = connection.getresponse()
                body = answer.read(_MOST_BYTES)
            finally:
                connection.close()
        except (OSError, http.client.HTTPException) as error:
            raise PodUnavailable(f"the API server cannot be asked: {error}") from error
        if answer.status == http.client.NOT_FOUND:
            return None
        if answer.status != http.client.OK:
            raise PodUnavailable(f"the API server answers {answer.status} for pod {namespace}/{name}: {body[:200]!r}")
        try:
            metadata = msgspec.json.decode(body, type=_Pod).metadata
        except msgspec.DecodeError as error:
            raise PodUnavailable(f"the API server's answer for pod {namespace}/{name} cannot be read: {error}") from error
        return Pod(metadata.uid, metadata.annotations or {})
