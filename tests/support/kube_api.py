"""A Kubernetes API server of the tests' own, on a loopback socket: lists in pages, watches with bookmarks, versions that are
forgotten, preconditions, and every way to misbehave that a script asks for."""

import contextlib
import itertools
import math
from collections.abc import AsyncIterator, Callable
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

import h11
import msgspec
import trio
from eventually import eventually
from json_patch import apply_patch
from kubernetes.client import ApiClient, Configuration

from hauberk_control.kubernetes.client import JSON_PATCH, Client

Json = dict[str, Any]

KINDS: Final = {
    "v1": {
        "namespaces": ("Namespace", False),
        "services": ("Service", True),
        "serviceaccounts": ("ServiceAccount", True),
        "secrets": ("Secret", True),
        "configmaps": ("ConfigMap", True),
        "pods": ("Pod", True),
    },
    "apps/v1": {"daemonsets": ("DaemonSet", True), "deployments": ("Deployment", True)},
    "policy/v1": {"poddisruptionbudgets": ("PodDisruptionBudget", True)},
    "autoscaling/v2": {"horizontalpodautoscalers": ("HorizontalPodAutoscaler", True)},
    "admissionregistration.k8s.io/v1": {"mutatingwebhookconfigurations": ("MutatingWebhookConfiguration", False)},
    "coordination.k8s.io/v1": {"leases": ("Lease", True)},
    "apiextensions.k8s.io/v1": {"customresourcedefinitions": ("CustomResourceDefinition", False)},
    "gateway.networking.k8s.io/v1": {
        "gatewayclasses": ("GatewayClass", False),
        "gateways": ("Gateway", True),
        "httproutes": ("HTTPRoute", True),
    },
    "networking.istio.io/v1": {"destinationrules": ("DestinationRule", True)},
}
"""By API version and plural: kind, and whether its objects live in namespaces."""


class Asked(NamedTuple):
    """A request that came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def json(self) -> Json:
        return msgspec.json.decode(self.body, type=Json)


class Reply(NamedTuple):
    """An answer out of a script."""

    status: int
    body: bytes
    cut: bool = False
    """Close the connection within the body."""


class KubeApi:
    """One server with its objects. Its clients are told of whatever `put` and `remove` do."""

    def __init__(self, port: int = 0) -> None:
        """Args: port - where it is to be served; 0: anywhere. One that goes and comes again needs a port of its own."""
        self.port = port
        self.served: Final = {version: dict(kinds) for version, kinds in KINDS.items()}
        self.objects: Final[dict[str, Json]] = {}
        """By path."""
        self.asked: Final[list[Asked]] = []
        self.script: Callable[[Asked], Reply | None] = lambda _: None
        """Is asked first; None: answer as usual."""
        self.watching = 0
        """Streams that are open."""
        self._versions: Final = itertools.count(100)
        self._version = 99
        self._history: list[tuple[int, str, str, Json]] = []
        self._oldest = 0
        self._changed = trio.Event()
        self._streams: set[trio.CancelScope] = set()
        self._raw: Final[list[bytes]] = []

    # What a test does to it.

    def put(self, api_version: str, plural: str, name: str, namespace: str = "", **fields: Any) -> Json:
        """Create an object, or replace it."""
        kind, namespaced = KINDS[api_version][plural]
        path = _path(api_version, plural, name, namespace if namespaced else "")
        metadata = {"name": name, "uid": f"uid-{name}", **fields.pop("metadata", {})}
        if namespaced:
            metadata["namespace"] = namespace
        return self._store(path, {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields})

    def remove(self, api_version: str, plural: str, name: str, namespace: str = "") -> None:
        self._remove(_path(api_version, plural, name, namespace))

    def forget(self) -> None:
        """Whatever was told so far is no longer known: watches from older versions are answered with 410."""
        self._oldest = self._version + 1
        self._history.clear()

    def cut_watches(self) -> None:
        """Close every stream."""
        for scope in self._streams:
            scope.cancel()

    def say(self, line: bytes) -> None:
        """Send this to every stream, as it is."""
        self._raw.append(line)
        self._wake()

    def end_watches(self) -> None:
        """End every stream in order, behind all that was said."""
        self.say(b"")

    async def wait_asked(self, method: str, part: str, times: int = 1) -> Asked:
        """The last of so many requests whose path has this part."""

        def found() -> list[Asked]:
            return [one for one in self.asked if one.method == method and part in one.path]

        await eventually(lambda: len(found()) >= times)
        return found()[-1]

    async def wait_watching(self, streams: int) -> None:
        await eventually(lambda: self.watching == streams)

    # The server.

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator["KubeApi"]:
        """Serve until the end of the block; again on the same port if it is entered again."""
        listeners = await trio.open_tcp_listeners(self.port, host="127.0.0.1")
        self.port = listeners[0].socket.getsockname()[1]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, self._serve, listeners)
            yield self
            nursery.cancel_scope.cancel()

    def client(self) -> Client:
        settings = Configuration(host=f"http://127.0.0.1:{self.port}")
        settings.connection_pool_maxsize = 64
        return Client(ApiClient(settings))

    async def _serve(self, stream: trio.SocketStream) -> None:
        connection = h11.Connection(h11.SERVER)
        with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError, h11.RemoteProtocolError):
            while True:
                asked = await _receive(connection, stream)
                if asked is None:
                    return
                self.asked.append(asked)
                reply = self.script(asked)
                if reply is None and asked.query.get("watch"):
                    await self._watch(connection, stream, asked)
                    return
                reply = reply or self._answer(asked)
                headers = [("content-length", str(len(reply.body))), ("content-type", "application/json")]
                await stream.send_all(connection.send(h11.Response(status_code=reply.status, headers=headers)) or b"")
                if reply.cut:
                    await stream.send_all(connection.send(h11.Data(data=reply.body[: len(reply.body) // 2])) or b"")
                    await stream.aclose()
                    return
                await stream.send_all(connection.send(h11.Data(data=reply.body)) or b"")
                await stream.send_all(connection.send(h11.EndOfMessage()) or b"")
                connection.start_next_cycle()

    async def _watch(self, connection: h11.Connection, stream: trio.SocketStream, asked: Asked) -> None:
        headers = [("transfer-encoding", "chunked"), ("content-type", "application/json")]
        await stream.send_all(connection.send(h11.Response(status_code=200, headers=headers)) or b"")
        self.watching += 1
        try:
            if int(asked.query["resourceVersion"]) + 1 < self._oldest:
                line = _event("ERROR", {"kind": "Status", "code": 410, "message": "too old resource version"})
                await stream.send_all(connection.send(h11.Data(data=line)) or b"")
                return
            async with trio.open_nursery() as nursery:
                scope = nursery.cancel_scope
                self._streams.add(scope)
                nursery.start_soon(_cancel_when_closed, stream, scope)
                with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                    await self._tell(connection, stream, asked)
                scope.cancel()
        finally:
            self._streams = {each for each in self._streams if not each.cancel_called}
            self.watching -= 1
            await trio.aclose_forcefully(stream)

    async def _tell(self, connection: h11.Connection, stream: trio.SocketStream, asked: Asked) -> None:
        told = int(asked.query["resourceVersion"])
        raw = len(self._raw)
        while True:
            changed = self._changed
            lines = [
                _event(type_, item)
                for at, path, type_, item in self._history
                if at > told and _covers(asked.path, path) and _selected(asked, item)
            ]
            said = self._raw[raw:]
            told, raw = max(told, self._version), len(self._raw)
            for line in [*lines, *said]:
                if not line:
                    await stream.send_all(connection.send(h11.EndOfMessage()) or b"")
                    return
                await stream.send_all(connection.send(h11.Data(data=line)) or b"")
            await changed.wait()

    def _answer(self, asked: Asked) -> Reply:
        if asked.method == "GET":
            version = asked.path.removeprefix("/apis/").removeprefix("/api/")
            if asked.path.startswith("/api") and (version in KINDS or version in self.served):
                return self._discovery(version)
            if asked.path == "/version":
                return _json(200, {"major": "1", "minor": "34"})
            if asked.path in self.objects:
                return _json(200, self.objects[asked.path])
            return self._list(asked)
        if asked.method == "POST":
            return self._create(asked)
        path = asked.path.removesuffix("/status")
        before = self.objects.get(path)
        if asked.method == "DELETE":
            if before is None:
                return _status(404, "not found")
            self._remove(path)
            return _status(200, "gone")
        if asked.headers.get("content-type") == JSON_PATCH:
            if before is None:
                return _status(404, "not found")
            return _json(200, self._store(path, apply_patch(before, msgspec.json.decode(asked.body))))
        body = asked.json()
        wanted = body.get("metadata", {}).get("resourceVersion")
        if before is None and (asked.method == "PUT" or asked.path != path):
            return _status(404, "not found")
        if wanted and before is not None and wanted != before["metadata"]["resourceVersion"]:
            return _status(409, "the object has been modified")
        if asked.path != path:
            assert before is not None
            return _json(200, self._store(path, {**before, "status": body["status"]}))
        merged = {**(before or {}), **body}
        if asked.query.get("dryRun"):
            return _json(200, {**merged, "metadata": {**(before or {}).get("metadata", {}), **body["metadata"]}})
        return _json(200 if before else 201, self._store(path, merged))

    def _discovery(self, version: str) -> Reply:
        kinds = self.served.get(version)
        if kinds is None:
            return _status(404, "the server could not find the requested resource")
        listed = [{"name": plural, "kind": kind, "namespaced": spaced} for plural, (kind, spaced) in kinds.items()]
        listed += [{"name": f"{plural}/status", "kind": kind, "namespaced": spaced} for plural, (kind, spaced) in kinds.items()]
        return _json(200, {"kind": "APIResourceList", "resources": listed})

    def _list(self, asked: Asked) -> Reply:
        _, root, *parts = asked.path.split("/")
        version = parts[0] if root == "api" else "/".join(parts[:2])
        if parts[-1] not in self.served.get(version, {}):
            return _status(404, "the server could not find the requested resource")
        items = [item for path, item in sorted(self.objects.items()) if _covers(asked.path, path) and _selected(asked, item)]
        start = int(asked.query.get("continue", "0"))
        size = int(asked.query.get("limit", "0")) or math.inf
        page = items[start : int(min(start + size, len(items)))]
        rest = str(start + len(page)) if start + len(page) < len(items) else ""
        return _json(200, {"metadata": {"resourceVersion": str(self._version), "continue": rest}, "items": page})

    def _create(self, asked: Asked) -> Reply:
        body = asked.json()
        if "name" not in body.get("metadata", {}):
            return _status(422, "no name")
        path = f"{asked.path}/{body['metadata']['name']}"
        if path in self.objects:
            return _status(409, "it exists already")
        return _json(201, self._store(path, body))

    def _store(self, path: str, item: Json) -> Json:
        before = self.objects.get(path)
        self._version = next(self._versions)
        spec_changed = before is None or before.get("spec") != item.get("spec")
        generation = (before["metadata"]["generation"] if before else 0) + int(spec_changed)
        metadata = {"generation": generation, **item["metadata"], "resourceVersion": str(self._version)}
        metadata["generation"] = generation
        stored = {**item, "metadata": metadata}
        self.objects[path] = stored
        self._history.append((self._version, path, "MODIFIED" if before else "ADDED", stored))
        self._wake()
        return stored

    def _remove(self, path: str) -> None:
        item = self.objects.pop(path)
        self._version = next(self._versions)
        gone = {**item, "metadata": {**item["metadata"], "resourceVersion": str(self._version)}}
        self._history.append((self._version, path, "DELETED", gone))
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()


def bookmark(version: int) -> bytes:
    return _event("BOOKMARK", {"metadata": {"resourceVersion": str(version)}})


def _event(type_: str, item: Json) -> bytes:
    return msgspec.json.encode({"type": type_, "object": item}) + b"\n"


def _json(status: int, value: object) -> Reply:
    return Reply(status, msgspec.json.encode(value))


def _status(code: int, message: str) -> Reply:
    return _json(code, {"kind": "Status", "code": code, "message": message})


def _path(api_version: str, plural: str, name: str, namespace: str) -> str:
    root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
    return f"{root}/namespaces/{namespace}/{plural}/{name}" if namespace else f"{root}/{plural}/{name}"


def _covers(collection: str, path: str) -> bool:
    """Whether an object is in a collection, of one namespace or of all."""
    folder = path.rpartition("/")[0]
    if folder == collection:
        return True
    head, spaced, tail = folder.partition("/namespaces/")
    return bool(spaced) and f"{head}/{tail.partition('/')[2]}" == collection


def _selected(asked: Asked, item: Json) -> bool:
    """Whether an object has the labels that were asked for: `NAME` or `NAME=VALUE`, with commas between."""
    labels = item["metadata"].get("labels", {})
    for wanted in filter(None, asked.query.get("labelSelector", "").split(",")):
        name, equals, value = wanted.partition("=")
        if name not in labels or (equals and labels[name] != value):
            return False
    return True


async def _cancel_when_closed(stream: trio.SocketStream, scope: trio.CancelScope) -> None:
    with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        while await stream.receive_some(1024):
            pass
    scope.cancel()


async def _receive(connection: h11.Connection, stream: trio.SocketStream) -> Asked | None:
    head: h11.Request | None = None
    body = b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await stream.receive_some(65536))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            assert head is not None
            target = urlsplit(head.target.decode())
            query = {name: values[-1] for name, values in parse_qs(target.query).items()}
            headers = {name.decode().lower(): value.decode() for name, value in head.headers}
            return Asked(head.method.decode(), unquote(target.path), query, headers, body)
        else:
            return None
