"""A real API server takes every injected pod, asks our webhook, and hands it pods with all of its defaults.

The API server must be able to reach the address from which it is reached.
"""

import base64
import contextlib
import copy
import secrets
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import kubectl
import msgspec
import pytest
import trio
from injection_cases import Case, load, names, output, patched
from kubectl import Done, namespace
from prometheus_client import CollectorRegistry

from hauberk_control.ca.authority import Authority
from hauberk_control.ca.own_certificate import OwnCertificate
from hauberk_control.inject.ca_bundle import ca_bundle_patch
from hauberk_control.inject.decide import Namespace
from hauberk_control.inject.inject import Cluster, Injected
from hauberk_control.inject.review import Reviewer
from hauberk_control.inject.webhook import Webhook
from hauberk_control.proxy_settings import ProxySettings

pytestmark = [pytest.mark.cluster, pytest.mark.skipif(bool(kubectl.missing()), reason=kubectl.missing())]

INJECTED: Final = [name for name in names() if output(load(name)).startswith("warnings")]
FRESH: Final = [name for name in INJECTED if not name.startswith("again-")]
WITHIN_RESTRICTED: Final = ("restricted-cni", "interception-none")
OUR_LABEL: Final = "hauberk.dev/test-of-injection"
# A mesh that is installed in the cluster is to keep out of this.
ALONE: Final = {"istio-injection": "disabled", "hauberk.dev/injection": "disabled"}


@pytest.fixture(scope="module")
def room() -> Iterator[str]:
    """A namespace without rules."""
    with namespace(ALONE) as name:
        yield name


def create(pods: list[dict[str, Any]], room: str) -> Done:
    """Have the API server judge pods as if they were made. Owners are left out: they are not there."""
    for pod in pods:
        pod["metadata"]["namespace"] = room
        pod["metadata"].pop("ownerReferences", None)
        pod |= {"apiVersion": "v1", "kind": "Pod"}
    return kubectl.kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", given=pods)


def injected(case: Case) -> dict[str, Any]:
    result = case.run()
    assert isinstance(result, Injected)
    return patched(case, result)


def test_the_api_server_takes_every_injected_pod_and_a_second_pass_patches_nothing(room: str) -> None:
    cases = [load(name) for name in INJECTED]
    made = create([injected(case) for case in cases], room).objects()
    assert len(made) == len(cases)
    for case, pod in zip(cases, made, strict=True):
        again = case.run(pod)
        assert isinstance(again, Injected)
        assert again.patch == [], case.name


def test_within_the_standard_restricted() -> None:
    with namespace({**ALONE, "pod-security.kubernetes.io/enforce": "restricted"}) as room:
        assert create([injected(load(name)) for name in WITHIN_RESTRICTED], room).code == 0
        refused = create([injected(load("restricted"))], room)
    assert refused.code != 0
    assert 'container "hauberk-init" must not include "NET_ADMIN"' in refused.err


@pytest.mark.parametrize("name", FRESH)
def test_kubectl_applies_the_patch_as_we_do(name: str, tmp_path: Path) -> None:
    case = load(name)
    result = case.run()
    assert isinstance(result, Injected)
    before, patch = tmp_path / "pod.json", tmp_path / "patch.json"
    pod = {"apiVersion": "v1", "kind": "Pod", **case.pod}
    before.write_bytes(msgspec.json.encode(pod))
    patch.write_bytes(msgspec.json.encode(result.patch))
    done = kubectl.kubectl("patch", "--local", "-f", str(before), "--type=json", f"--patch-file={patch}", "-o", "json")
    after = without_nulls(done.objects()[0])
    assert after == without_nulls(patched(case._replace(pod=pod), result))


def without_nulls(value: Any) -> Any:
    """What Go's types leave out when they are written."""
    if isinstance(value, dict):
        kept = {name: without_nulls(member) for name, member in value.items() if name not in {"creationTimestamp", "status"}}
        return {name: member for name, member in kept.items() if member not in (None, "", {}, [])}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


class TestWebhook:
    """The API server asks the webhook, over TLS with a certificate of the mesh's own authority."""

    async def test_pods_are_injected_warned_of_and_refused(self, tmp_path: Path) -> None:
        label = secrets.token_hex(8)
        with namespace({**ALONE, OUR_LABEL: label}) as room:
            address = own_address()
            authority = Authority(tmp_path, "cluster.local")

            async def find(name: str, fresh: bool) -> Namespace:
                return Namespace(name, {"istio-injection": "enabled"}, {})

            settings = ProxySettings(image="example.com/hauberk-proxy:1.0")
            hook = Webhook(OwnCertificate(authority, [address]), Reviewer(settings, Cluster()), find, CollectorRegistry())
            listeners = await trio.open_tcp_listeners(0, host=address)
            url = f"https://{address}:{listeners[0].socket.getsockname()[1]}/inject"
            async with trio.open_nursery() as nursery:
                nursery.start_soon(hook.serve, listeners)
                with registered(url, authority, label):
                    await trio.to_thread.run_sync(partial(self.ask, room))
                nursery.cancel_scope.cancel()

    def ask(self, room: str) -> None:
        plain = copy.deepcopy(load("statefulset").pod)
        made = create([plain], room).objects()[0]
        assert [each["name"] for each in made["spec"]["initContainers"]] == ["hauberk-init", "hauberk-proxy"]
        assert "hauberk.dev/status" in made["metadata"]["annotations"]
        warned = create([load("resources").pod], room)
        assert "Warning: hauberk: annotation sidecar.istio.io/logLevel has no effect on hauberk's sidecar" in warned.err
        refused = create([load("refused").pod], room)
        assert refused.code != 0
        assert "hauberk cannot inject this pod: metadata.annotations['proxy.istio.io/config']" in refused.err
        left_alone = create([load("host-network").pod], room).objects()[0]
        assert "initContainers" not in left_alone["spec"]


def own_address() -> str:
    """The address by which the API server can reach us: the one from which we reach it."""
    server = kubectl.kubectl("config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}").out
    host, _, port = server.removeprefix("https://").rpartition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((host, int(port)))
        return str(probe.getsockname()[0])


@contextlib.contextmanager
def registered(url: str, authority: Authority, label: str) -> Iterator[None]:
    """The webhook's configuration in the cluster, for the namespaces of this test alone."""
    hook = {
        "name": "test.injector.hauberk.dev",
        "clientConfig": {"url": url},
        "rules": [{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}],
        "namespaceSelector": {"matchLabels": {OUR_LABEL: label}},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "reinvocationPolicy": "IfNeeded",
    }
    name, kind = f"hauberk-test-{label}", "MutatingWebhookConfiguration"
    configuration = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": name},
        "webhooks": [hook],
    }
    made = kubectl.kubectl("create", "-o", "json", "-f", "-", given=configuration).objects()[0]
    try:
        patch = msgspec.json.encode(ca_bundle_patch(made, authority.trust_pem())).decode()
        told = kubectl.kubectl("patch", kind, name, "--type=json", "-p", patch, "-o", "json").objects()[0]
        assert base64.b64decode(told["webhooks"][0]["clientConfig"]["caBundle"]) == authority.trust_pem()
        yield
    finally:
        kubectl.kubectl("delete", kind, name)
