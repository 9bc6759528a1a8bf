"""Control at a real API server: who may join, what they get and how soon, what is written back, and what an outage takes away."""

import contextlib
import json
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import trio
from eventually import eventually
from mesh_world import node_document
from programs import free_port
from real_api import RealApi, install_definitions, is_ready, missing, real_api

from hauberk_control.cluster.control import ClusterControl, ClusterOptions
from hauberk_control.kubernetes.errors import ApiError
from hauberk_core.agent.discovery.mirror import Mirror
from hauberk_core.agent.discovery.stream import DiscoveryStream, StreamEnded, open_stream
from hauberk_core.agent.grpc_bridge import AsyncioThread, open_asyncio_thread
from hauberk_core.agent.identity.client import CertificateDenied, GrpcCertificateClient
from hauberk_core.agent.identity.key import make_key, make_request
from hauberk_core.agent.identity.workload import WorkloadIdentity, read_answer
from hauberk_core.wire_proto.discovery_pb2 import Node
from hauberk_core.wire_proto.service import NODE_FIELD

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.kubernetes,
    pytest.mark.skipif(bool(missing()), reason=missing() or "there is one"),
    # Python's own: a connection that an API server resets as it is killed, between connecting and the handshake, makes
    # `SSLContext.wrap_socket` raise before anybody has the socket to close (Python 3.11's SSLSocket._create, at its first recv).
    pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning"),
]

GATEWAY_API: Final = "/apis/gateway.networking.k8s.io/v1"
BUNDLE: Final = "/api/v1/namespaces/shop/configmaps/hauberk-ca-root-cert"
ACCOUNTS: Final = "/api/v1/namespaces/shop/serviceaccounts"
EDGE_SERVICE: Final = "/api/v1/namespaces/shop/services/edge-hauberk"
ROUTE: Final = f"{GATEWAY_API}/namespaces/shop/httproutes/reviews"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealApi]:
    with real_api(tmp_path_factory.mktemp("api")) as running:
        install_definitions(running.client)
        for name in ("hauberk-system", "shop"):
            post(running, "/api/v1/namespaces", {"metadata": {"name": name}})
        post(running, ACCOUNTS, {"metadata": {"name": "reviews"}})
        for pod, account in (("reviews-1", "reviews"), ("payments-1", "payments"), ("edge-1", "edge-hauberk")):
            containers = [{"name": "main", "image": "none"}]
            pods = "/api/v1/namespaces/shop/pods"
            post(running, pods, {"metadata": {"name": pod}, "spec": {"serviceAccountName": account, "containers": containers}})
        for replica in ("replica-1", "replica-2"):
            spec = {"containers": [{"name": "main", "image": "none"}]}
            post(running, "/api/v1/namespaces/hauberk-system/pods", {"metadata": {"name": replica}, "spec": spec})
        service = {"metadata": {"name": "reviews"}, "spec": {"ports": [{"port": 80}], "selector": {"app": "reviews"}}}
        post(running, "/api/v1/namespaces/shop/services", service)
        gateway = {"gatewayClassName": "hauberk", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]}
        post(running, f"{GATEWAY_API}/namespaces/shop/gateways", _object("Gateway", "edge", gateway))
        post(running, f"{GATEWAY_API}/namespaces/shop/httproutes", route("reviews.example"))
        yield running


def _object(kind: str, name: str, spec: Mapping[str, object]) -> dict[str, object]:
    return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def route(host: str) -> dict[str, object]:
    rules = [{"backendRefs": [{"name": "reviews", "port": 80}]}]
    return _object("HTTPRoute", "reviews", {"parentRefs": [{"name": "edge"}], "hostnames": [host], "rules": rules})


def post(api: RealApi, path: str, item: Mapping[str, object]) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(api.client.call("POST", path, None, json.dumps(item).encode()))
    return answer


def get(api: RealApi, path: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(api.client.call("GET", path))
    return answer


def exists(api: RealApi, path: str) -> bool:
    with contextlib.suppress(ApiError):
        get(api, path)
        return True
    return False


def patch(api: RealApi, path: str, change: Mapping[str, object]) -> None:
    api.client.call("PATCH", path, None, json.dumps(change).encode(), "application/merge-patch+json")


def token(api: RealApi, account: str, audience: str = "hauberk") -> str:
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": [audience]}}
    answer = post(api, f"{ACCOUNTS}/{account}/token", request)
    text: str = answer["status"]["token"]
    return text


class Running:
    """A control that serves, and proxies that come to it."""

    def __init__(self, api: RealApi, thread: AsyncioThread, options: ClusterOptions) -> None:
        self.api: Final = api
        self.thread: Final = thread
        self.discovery: Final = f"127.0.0.1:{options.discovery_port}"
        self.certificates: Final = f"127.0.0.1:{options.certificate_port}"

    async def join(self, account: str, audience: str = "hauberk") -> WorkloadIdentity:
        """A certificate, for a token and the root that every namespace has."""
        # Control makes a Gateway's account itself.
        await eventually(lambda: self.bundle() != "" and exists(self.api, f"{ACCOUNTS}/{account}"))
        key = make_key()
        client = GrpcCertificateClient(self.thread, self.discovery, self.certificates)
        proof = await trio.to_thread.run_sync(token, self.api, account, audience)
        answer = await client.join(make_request(key), 0, {}, proof, self.bundle().encode())
        return read_answer(answer.certificates, key, None, time.time(), answer.control_clock)

    def bundle(self) -> str:
        with contextlib.suppress(ApiError):
            text: str = get(self.api, BUNDLE)["data"]["root-cert.pem"]
            return text
        return ""

    @contextlib.asynccontextmanager
    async def stream(
        self, identity: WorkloadIdentity, name: str, role: str, pod: str
    ) -> AsyncIterator[tuple[DiscoveryStream, Mirror]]:
        message = Node(id="test")
        document = node_document(name, "shop", role, pod=pod, address="")
        message.metadata.fields[NODE_FIELD].string_value = json.dumps(document)
        mirror = Mirror("", {})
        async with open_stream(self.thread, self.discovery, identity, mirror.greet(message)) as stream:
            yield stream, mirror


@contextlib.asynccontextmanager
async def control(api: RealApi, replica: str = "replica-1", mesh: Path | None = None) -> AsyncIterator[Running]:
    options = ClusterOptions(
        host="127.0.0.1",
        replica=replica,
        mesh=mesh,
        certificate_port=free_port(),
        discovery_port=free_port(),
        metrics_port=free_port(),
        webhook_port=free_port(),
    )
    async with open_asyncio_thread() as thread, trio.open_nursery() as nursery:
        with trio.fail_after(60):
            await nursery.start(ClusterControl(options, api.client).run)
        with trio.fail_after(120):
            yield Running(api, thread, options)
        nursery.cancel_scope.cancel()


async def take(stream: DiscoveryStream, mirror: Mirror) -> set[str]:
    """Accept the next configuration. Returns: the hosts in it."""
    candidate = mirror.receive(await stream.receive())
    await stream.send(mirror.accept(candidate))
    bodies = b"".join([resource.body for resource in candidate.resources.values()])
    return {host for host in ("reviews.example", "other.example", "later.example") if host.encode() in bodies}


async def test_a_pod_joins_by_its_token_and_gets_its_own_configuration(api: RealApi) -> None:
    async with control(api) as running:
        with pytest.raises(CertificateDenied, match=r"not for 'hauberk'|does not know"):
            await running.join("reviews", "https://kubernetes.default.svc")
        reviews = await running.join("reviews")
        assert reviews.spiffe_id == "spiffe://cluster.local/ns/shop/sa/reviews"
        async with running.stream(reviews, "reviews", "sidecar", "reviews-1"):
            pass
        for name, role, pod in (
            ("reviews", "sidecar", "payments-1"),
            ("reviews", "sidecar", "nobody-1"),
            ("shop/edge", "gateway", "edge-1"),
            ("shop/edge", "gateway", "reviews-1"),
        ):
            with pytest.raises(StreamEnded) as refused:
                async with running.stream(reviews, name, role, pod) as (stream, _):
                    await stream.receive()
            assert refused.value.refused
        edge = await running.join("edge-hauberk")
        async with running.stream(edge, "shop/edge", "gateway", "edge-1") as (stream, mirror):
            assert await take(stream, mirror) == {"reviews.example"}
            await trio.to_thread.run_sync(patch, api, ROUTE, {"spec": {"hostnames": ["other.example"]}})
            # What control makes of the Gateway may be told before.
            while await take(stream, mirror) != {"other.example"}:
                pass
            await give_address(api)
            await eventually(lambda: _programmed(api) == "True")
        await eventually(lambda: _programmed(api) == "False")


async def give_address(api: RealApi) -> None:
    """Be the cluster's load balancer."""
    await eventually(lambda: exists(api, EDGE_SERVICE))
    patch(api, f"{EDGE_SERVICE}/status", {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}})


def _programmed(api: RealApi) -> str:
    conditions = get(api, f"{GATEWAY_API}/namespaces/shop/gateways/edge")["status"]["conditions"]
    by_type: dict[str, str] = {each["type"]: each["status"] for each in conditions}
    return by_type["Programmed"]


async def test_an_api_server_that_is_away_takes_nothing_away(api: RealApi) -> None:
    await trio.to_thread.run_sync(patch, api, ROUTE, {"spec": {"hostnames": ["other.example"]}})
    async with control(api) as running:
        edge = await running.join("edge-hauberk")
        async with running.stream(edge, "shop/edge", "gateway", "edge-1") as (stream, mirror):
            assert await take(stream, mirror) == {"other.example"}
            await trio.to_thread.run_sync(api.server.stop)
            # Who knows a control keeps it, and who has a certificate gets in.
            async with running.stream(edge, "shop/edge", "gateway", "edge-1") as (second, its_mirror):
                assert await take(second, its_mirror) == {"other.example"}
            await trio.to_thread.run_sync(api.server.start)
            await eventually(lambda: is_ready(api.client), 120)
            await trio.to_thread.run_sync(patch, api, ROUTE, {"spec": {"hostnames": ["later.example"]}})
            hosts: set[str] = set()
            while hosts != {"later.example"}:
                hosts = await take(stream, mirror)


async def test_commands_beside_control_see_the_cluster(api: RealApi, tmp_path: Path) -> None:
    async def ask(*words: str) -> str:
        done = await trio.run_process(
            [sys.executable, "-m", "hauberk_cli", *words, "--mesh", str(tmp_path)], capture_stdout=True, capture_stderr=True
        )
        return done.stdout.decode()

    async with control(api, mesh=tmp_path) as running:
        edge = await running.join("edge-hauberk")
        async with running.stream(edge, "shop/edge", "gateway", "edge-1") as (stream, mirror):
            await take(stream, mirror)
            await give_address(api)
            await eventually(lambda: _programmed(api) == "True")
            proxies = json.loads(await ask("proxies", "-o", "json"))["proxies"]
            assert [(each["name"], each["current"]) for each in proxies] == [("shop/edge", True)]
            assert "done after" in await ask("wait", "httproute/shop/reviews")
            assert "HTTPRoute shop/reviews" in await ask("status")
            roots = running.bundle().count("BEGIN CERTIFICATE")
            assert "another root is announced" in await ask("rotate-root")
            await eventually(lambda: running.bundle().count("BEGIN CERTIFICATE") == roots + 1)


async def test_statuses_are_written_by_one_of_two_replicas_and_come_to_rest(api: RealApi) -> None:
    async with control(api, "replica-1"), control(api, "replica-2") as second:
        await trio.to_thread.run_sync(patch, api, ROUTE, {"spec": {"hostnames": ["reviews.example"]}})
        generation = get(api, ROUTE)["metadata"]["generation"]

        def observed() -> list[int]:
            parents = get(api, ROUTE).get("status", {}).get("parents", [])
            return [each["observedGeneration"] for parent in parents for each in parent["conditions"]]

        await eventually(lambda: observed() == [generation, generation])
        leases = "/apis/coordination.k8s.io/v1/namespaces/hauberk-system/leases/hauberk-control"
        # A leader that had something to write would have, by the time it renews its lease. What the Gateway came to may be
        # written after what its route did.
        before: dict[str, str] = {}
        while before != _versions(api):
            before, renewed = _versions(api), get(api, leases)["spec"]["renewTime"]
            await eventually(lambda: get(api, leases)["spec"]["renewTime"] != renewed)  # noqa: B023 - called at once
        # The first one leads, and says what the second knows.
        edge = await second.join("edge-hauberk")
        await give_address(api)
        async with second.stream(edge, "shop/edge", "gateway", "edge-1") as (stream, mirror):
            await take(stream, mirror)
            await eventually(lambda: _programmed(api) == "True")
        await eventually(lambda: _programmed(api) == "False")
    assert get(api, leases)["spec"]["holderIdentity"] == ""


def _versions(api: RealApi) -> dict[str, str]:
    paths = (ROUTE, f"{GATEWAY_API}/namespaces/shop/gateways/edge", BUNDLE)
    return {path: get(api, path)["metadata"]["resourceVersion"] for path in paths}
