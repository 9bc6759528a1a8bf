"""One GET at a time by the standard library, so that the agent needs no client of 20 MiB."""

import http.client
import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

# Where kubelet puts what a pod may show to the API server.
ACCOUNT_FOLDER: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_TIMEOUT_SECONDS: Final = 5.0
# etcd takes objects up to 1.5 MiB, and pods, of which a page has ten, are some 10 KiB each.
_MOST_BYTES: Final = 16 << 20


class ApiUnavailable(Exception):
    """The API server cannot be asked now; it is worth another try."""


class Answer(NamedTuple):
    """What it says."""

    status: int
    body: bytes


class ApiServer:
    """The API server of the cluster that this process is a pod of."""

    def __init__(self, environment: Mapping[str, str] = os.environ, folder: Path = ACCOUNT_FOLDER) -> None:
        """Raises: KeyError if this process is no pod's."""
        self._host: Final = environment["KUBERNETES_SERVICE_HOST"]
        self._port: Final = int(environment["KUBERNETES_SERVICE_PORT"])
        self._folder: Final = folder

    def get(self, path: str) -> Answer:
        """Ask for a path with its query. Blocks for seconds at most. Raises: ApiUnavailable: nobody answers."""
        try:
            # Read anew each time: kubelet replaces both.
            token = (self._folder / "token").read_text().strip()
            trust = ssl.create_default_context(cafile=self._folder / "ca.crt")
            connection = http.client.HTTPSConnection(self._host, self._port, timeout=_TIMEOUT_SECONDS, context=trust)
            try:
                connection.request("GET", path, headers={"Authorization": f"Bearer {token}", "Accept": "application/json"})
                answer = connection.getresponse()
                return Answer(answer.status, answer.read(_MOST_BYTES))
            finally:
                connection.close()
        except (OSError, http.client.HTTPException) as error:
            raise ApiUnavailable(f"the API server cannot be asked: {error}") from error
