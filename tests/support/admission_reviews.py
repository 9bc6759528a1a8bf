"""Questions of the API server's, and what the answers say."""

import base64
import random
from typing import Any, Final

import msgspec

from hauberk_control.inject.decide import Namespace
from hauberk_control.inject.inject import Cluster
from hauberk_control.inject.review import Reviewer, ReviewMalformed, read_review
from hauberk_control.proxy_settings import ProxySettings

SHOP = Namespace("shop", {"istio-injection": "enabled"}, {})
POD: dict[str, Any] = {"metadata": {"name": "web"}, "spec": {"containers": [{"name": "web", "image": "example.com/web:1"}]}}


def review(pod: Any = POD, **more: Any) -> dict[str, Any]:
    """A question about a pod that is being made. Args: more - members of the request."""
    pods = {"group": "", "version": "v1", "resource": "pods"}
    request = {"uid": "7f0b2891", "operation": "CREATE", "resource": pods, "namespace": "shop", "object": pod, **more}
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}


def encoded(pod: Any = POD, **more: Any) -> bytes:
    """The same, as octets."""
    return msgspec.json.encode(review(pod, **more))


def patch_of(response: dict[str, Any]) -> list[dict[str, Any]]:
    """The patch of an answer."""
    assert response["patchType"] == "JSONPatch"
    patch: list[dict[str, Any]] = msgspec.json.decode(base64.b64decode(response["patch"]))
    return patch


Place = tuple[str | int, ...]
"""The way to a value: names and positions."""


def places(value: Any, path: Place = ()) -> list[Place]:
    """Where a value within this one can be replaced."""
    members: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        members += value.items()
    elif isinstance(value, list):
        members += enumerate(value)
    found: list[Place] = []
    for step, member in members:
        found += [(*path, step), *places(member, (*path, step))]
    return found


def replaced(whole: dict[str, Any], place: Place, value: Any) -> dict[str, Any]:
    """A copy with another value in this place."""
    copy: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(whole))
    holder: Any = copy
    for step in place[:-1]:
        holder = holder[step]
    holder[place[-1]] = value
    return copy


_STRANGE: Final[tuple[Any, ...]] = (
    None,
    True,
    -1,
    1.5,
    2**70,
    "",
    "x" * 300,
    "\0",
    [],
    [[]],
    {},
    {"name": 1},
    [None],
    [{"name": "a"}],
)


def malformed(dice: random.Random) -> bytes:
    """A review in which something is not as it should be: a value, or the octets."""
    whole = review({"metadata": {"annotations": dict(_ANNOTATIONS)}, "spec": _SPEC})
    for _ in range(dice.randint(1, 2)):
        whole = replaced(whole, dice.choice(places(whole)), dice.choice(_STRANGE))
    body = bytearray(msgspec.json.encode(whole))
    if dice.random() < 0.3:
        start = dice.randrange(len(body))
        body[start : start + dice.randrange(8)] = dice.randbytes(dice.randrange(4))
    return bytes(body)


_ANNOTATIONS: Final = {
    "sidecar.istio.io/proxyCPU": "1",
    "traffic.sidecar.istio.io/includeInboundPorts": "80",
    "proxy.istio.io/config": "concurrency: 2",
    "sidecar.istio.io/userVolume": '{"v": {"emptyDir": {}}}',
}
_SPEC: Final = {
    "containers": [
        {
            "name": "a",
            "image": "i",
            "ports": [{"containerPort": 80, "name": "web"}],
            "livenessProbe": {"httpGet": {"port": "web"}},
            "env": [{"name": "A", "value": "1"}],
        },
        {"name": "hauberk-proxy", "image": "auto", "env": [{"name": "HAUBERK_PROBES", "value": "{}"}]},
    ],
    "initContainers": [{"name": "b", "image": "i"}],
    "volumes": [{"name": "v", "emptyDir": {}}],
}


class _Response(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    uid: str
    allowed: bool
    patch_type: str | None = None
    patch: str | None = None
    warnings: list[str] = []
    audit_annotations: dict[str, str] = {}
    status: dict[str, str | int] = {}


class _Answer(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    api_version: str
    kind: str
    response: _Response


_REVIEWER = Reviewer(ProxySettings(), Cluster())


def check(body: bytes) -> str:
    """Ask anything. Returns: the outcome. Fails if the answer is neither a refusal nor a valid AdmissionReview."""
    try:
        question = read_review(body)
    except ReviewMalformed:
        return "malformed"
    answer = _REVIEWER.answer(question, SHOP)
    assert check_answer(answer.body) == question.uid
    assert answer.outcome != "failed", answer.body
    return answer.outcome


def check_answer(body: bytes) -> str:
    """Fails if this is no valid AdmissionReview. Returns: whose answer it is."""
    response = msgspec.json.decode(body, type=_Answer).response
    assert response.allowed == (not response.status)
    assert response.status.get("code") != 500, response.status
    if response.patch is not None:
        assert response.allowed
        assert msgspec.json.decode(base64.b64decode(response.patch, validate=True), type=list[dict[str, Any]])
    assert all(len(warning) <= 256 for warning in response.warnings)
    return response.uid
