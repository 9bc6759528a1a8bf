"""The one bridge to the `kubernetes` client, which blocks: octets cross it, in threads of its own.

The library finds the cluster, knows how to prove who we are, and keeps the connections. Its models are not used: to make them of
the answers takes a hundred times longer than to decode what a mesh reads (see `hauberk_core.resources`).
"""

import contextlib
import os
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Final
from urllib.parse import urlencode

import msgspec
import trio
import urllib3
import urllib3.exceptions
from kubernetes import config
from kubernetes.client import ApiClient, Configuration

from hauberk_control.kubernetes.errors import ApiError, NoCluster, Unreachable
from hauberk_core.agent.logs import LOG

JSON: Final = "application/json"
APPLY: Final = "application/apply-patch+yaml"
"""Server-side apply; JSON is YAML as well."""
JSON_PATCH: Final = "application/json-patch+json"

# A page of a list may take the API server seconds when it is busy; a machine that is away is noticed by then.
_ANSWER_SECONDS: Final = 30.0
_CONNECT_SECONDS: Final = 5.0
# Requests at once, each with a thread: statuses after a change that concerns many objects. The API server has its own bounds.
_MOST_REQUESTS: Final = 16
# Kinds watched at once, each with a thread and a connection; a mesh reads some thirty, and plugins may add some.
_MOST_STREAMS: Final = 128
# A page of 500 objects takes some MiB; etcd's largest object is 1.5 MiB.
LARGEST_ANSWER: Final = 64 << 20
_CHUNK: Final = 64 << 10
# An API server's own words in our log.
_LONGEST_MESSAGE: Final = 1000


class _Refusal(msgspec.Struct):
    """Kubernetes' `Status`, as far as we tell it."""

    message: str = ""
    reason: str = ""


class Client:
    """Calls one API server. Safe to use from several threads; the async methods from trio."""

    def __init__(self, library: ApiClient) -> None:
        self._library: Final = library
        self._requests: Final = trio.CapacityLimiter(_MOST_REQUESTS)
        self._streams: Final = trio.CapacityLimiter(_MOST_STREAMS)
        self._lock: Final = threading.Lock()
        self._away = False

    @property
    def host(self) -> str:
        """Where the API server is, as its credentials have it."""
        return str(self._library.configuration.host)

    def call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = JSON,
        accept: str = JSON,
    ) -> bytes:
        """Ask, and wait for the whole answer. Blocks. Raises: ApiError."""
        with self._open(method, path, query or {}, body, content_type, accept, _ANSWER_SECONDS) as response:
            parts: list[bytes] = []
            size = 0
            try:
                while part := response.read(_CHUNK):
                    parts.append(part)
                    size += len(part)
                    if size > LARGEST_ANSWER:
                        raise ApiError(0, f"{method} {path}: the answer has more than {LARGEST_ANSWER} octets")
            except (urllib3.exceptions.HTTPError, OSError) as error:
                raise Unreachable(f"{method} {path}: the answer ended early: {_shown(error)}") from error
            return b"".join(parts)

    async def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = JSON,
        accept: str = JSON,
    ) -> bytes:
        """The same from trio.

        Raises: ApiError. Cancellation: returns at once; the request may still take effect.
        """
        return await trio.to_thread.run_sync(
            self.call, method, path, query, body, content_type, accept, abandon_on_cancel=True, limiter=self._requests
        )

    async def run_stream(
        self, path: str, query: Mapping[str, str], seconds: float, take: Callable[[Iterator[bytes]], None], accept: str = JSON
    ) -> None:
        """Hand an answer that goes on, piece by piece as it comes, to `take`, which runs in a thread of its own.

        Args: seconds - of silence after which the server counts as gone; take - is given the pieces, and returns or raises when
        it wants no more; the iterator raises ApiError where the connection breaks, and ends where the answer does.
        Raises: ApiError, and what `take` raises. Cancellation: the connection is cut, and `take` has returned afterwards.
        """
        stream = _Stream()

        def run() -> None:
            if not stream.cut_off:
                with (
                    self._open("GET", path, query, None, JSON, accept, seconds) as response,
                    contextlib.closing(stream.pieces(response, path)) as pieces,
                ):
                    take(pieces)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(_cut_when_cancelled, stream)
            failure: Exception | None = None
            try:
                await trio.to_thread.run_sync(run, limiter=self._streams)
            except Exception as error:
                failure = error
            nursery.cancel_scope.cancel()
        # Outside, because the nursery would make a group of it.
        await trio.lowlevel.checkpoint_if_cancelled()
        if failure is not None:
            raise failure

    def close(self) -> None:
        """Close idle connections."""
        self._library.close()

    def _open(
        self, method: str, path: str, query: Mapping[str, str], body: bytes | None, content_type: str, accept: str, seconds: float
    ) -> urllib3.BaseHTTPResponse:
        library = self._library
        headers = {"Accept": accept, "User-Agent": "hauberk-control"}
        if body is not None:
            headers["Content-Type"] = content_type
        try:
            # Asks for the token anew where it is one that is replaced from time to time.
            library.update_params_for_auth(headers, [], ["BearerToken"], path, method, None)
            response = library.rest_client.pool_manager.request(
                method,
                f"{library.configuration.host}{path}{'?' + urlencode(query) if query else ''}",
                headers=headers,
                body=body,
                preload_content=False,
                # A connection that the server has closed meanwhile is made anew; whoever calls decides about all else.
                retries=urllib3.Retry(total=0, connect=1, read=0, redirect=0),
                timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=seconds),
            )
        except (urllib3.exceptions.HTTPError, OSError, config.ConfigException) as error:
            away = Unreachable(f"the API server at {self.host} cannot be asked: {_shown(error)}")
            self._note_away(away)
            raise away from error
        self._note_away(None)
        if response.status >= 300:
            raise _refused(response, method, path)
        return response

    def _note_away(self, away: Unreachable | None) -> None:
        """Tell the log when the API server goes and when it is back: many ask, and each at its own pace."""
        with self._lock:
            changed = self._away != (away is not None)
            self._away = away is not None
        if changed and away is not None:
            LOG.warning("%s; everything serves on as it is", away)
        elif changed:
            LOG.info("the API server at %s answers again", self.host)


class _Stream:
    """An answer that may be cut off from another thread than the one that reads it."""

    def __init__(self) -> None:
        self._lock: Final = threading.Lock()
        self._response: urllib3.BaseHTTPResponse | None = None
        self.cut_off = False

    def pieces(self, response: urllib3.BaseHTTPResponse, path: str) -> Generator[bytes, None, None]:
        """In the reading thread: what comes, as it comes. Raises: ApiError."""
        with self._lock:
            self._response = response
            if self.cut_off:
                return
        try:
            while piece := response.read1(_CHUNK):
                yield piece
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise Unreachable(f"GET {path}: the stream broke: {_shown(error)}") from error
        finally:
            with self._lock:
                self._response = None
            # What was left unread must not be taken for the beginning of another answer.
            response.close()

    def cut(self) -> None:
        """From any thread: the reader is woken and sees the end."""
        with self._lock:
            self.cut_off = True
            if self._response is not None:
                # Refused for an answer that has just ended by itself.
                with contextlib.suppress(ValueError, RuntimeError, OSError):
                    self._response.shutdown()


async def _cut_when_cancelled(stream: _Stream) -> None:
    try:
        await trio.sleep_forever()
    finally:
        stream.cut()


def open_client(kubeconfig: str = "") -> Client:
    """A client for the cluster that a kubeconfig names, or else for the one that this process is in.

    Args: kubeconfig - the file's path; empty: $KUBECONFIG, else the pod's service account, else the user's own file. Blocks.
    Raises: NoCluster.
    """
    settings = Configuration()
    try:
        if not kubeconfig and "KUBECONFIG" not in os.environ and "KUBERNETES_SERVICE_HOST" in os.environ:
            config.load_incluster_config(client_configuration=settings)
        else:
            config.load_kube_config(config_file=kubeconfig or None, client_configuration=settings)
    except (config.ConfigException, OSError, ValueError, KeyError, TypeError) as error:
        raise NoCluster(
            f"no cluster is known here: {_shown(error).rstrip('.')}; run in a pod, or name one by KUBECONFIG"
        ) from error
    # Streams are quiet for long; a peer that is gone is to be noticed.
    settings.keep_alive = True
    settings.connection_pool_maxsize = _MOST_STREAMS
    return Client(ApiClient(settings))


def _refused(response: urllib3.BaseHTTPResponse, method: str, path: str) -> ApiError:
    try:
        body = response.read(_CHUNK)
    except (urllib3.exceptions.HTTPError, OSError):
        body = b""
    finally:
        response.close()
    try:
        told = msgspec.json.decode(body, type=_Refusal).message
    except (msgspec.MsgspecError, ValueError):
        told = body.decode(errors="replace")
    told = told[:_LONGEST_MESSAGE]
    return ApiError(response.status, f"{method} {path}: {response.status}: {told or response.reason}", told)


def _shown(error: Exception) -> str:
    reason = getattr(error, "reason", None) or error
    return str(reason)[:_LONGEST_MESSAGE] or type(error).__name__
