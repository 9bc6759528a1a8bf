"""What the API server asks, and what it is answered; malformed questions break nothing."""

import json
from typing import Any

import msgspec
import pytest
from admission_reviews import POD, SHOP, Place, check, encoded, patch_of, places, replaced, review
from hypothesis import given, settings
from hypothesis import strategies as st
from injection_cases import load, names, output
from json_patch import apply_patch

from hauberk_control.inject import review as review_module
from hauberk_control.inject.decide import Namespace
from hauberk_control.inject.inject import Cluster
from hauberk_control.inject.review import Answer, Reviewer, ReviewMalformed, read_review
from hauberk_control.proxy_settings import ProxySettings


def ask(body: bytes, namespace: Namespace | None = SHOP) -> tuple[Answer, dict[str, Any]]:
    answer = Reviewer(ProxySettings(), Cluster()).answer(read_review(body), namespace)
    decoded = json.loads(answer.body)
    assert decoded["apiVersion"] == "admission.k8s.io/v1"
    assert decoded["kind"] == "AdmissionReview"
    assert decoded["response"]["uid"] == "7f0b2891"
    return answer, decoded["response"]


def test_a_pod_is_patched() -> None:
    answer, response = ask(encoded())
    assert answer.outcome == "injected"
    assert response["allowed"] is True
    names = [each["name"] for each in apply_patch(POD, patch_of(response))["spec"]["initContainers"]]
    assert names == ["hauberk-init", "hauberk-proxy"]


def test_a_pod_that_is_one_of_the_mesh_already_gets_no_patch() -> None:
    _, response = ask(encoded())
    answer, again = ask(encoded(apply_patch(POD, patch_of(response))))
    assert answer.outcome == "injected"
    assert again == {"uid": "7f0b2891", "allowed": True}


def test_a_pod_that_stays_as_it_is_says_why_in_the_audit_log() -> None:
    answer, response = ask(encoded(), Namespace("shop", {}, {}))
    assert answer.outcome == "skipped"
    assert response["allowed"] is True
    assert response["auditAnnotations"]["skipped"].startswith("neither the namespace shop nor the pod asks for it")


def test_wrong_annotations_are_denied_with_what_where_and_what_to_do() -> None:
    pod = {**POD, "metadata": {"annotations": {"sidecar.istio.io/proxyCPU": "lots"}}}
    answer, response = ask(encoded(pod))
    assert answer.outcome == "refused"
    assert response["allowed"] is False
    assert response["status"] == {
        "code": 400,
        "message": "hauberk cannot inject this pod: metadata.annotations['sidecar.istio.io/proxyCPU']: 'lots' is no amount: "
        "write for example 100m for CPU, or 128Mi for memory",
    }


def test_warnings_are_told() -> None:
    pod = {**POD, "metadata": {"annotations": {"sidecar.istio.io/logLevel": "debug"}}}
    _, response = ask(encoded(pod))
    assert response["warnings"] == ["hauberk: annotation sidecar.istio.io/logLevel has no effect on hauberk's sidecar"]


def test_an_unknown_namespace_is_tried_again() -> None:
    answer, response = ask(encoded(), None)
    assert answer.outcome == "failed"
    assert response["allowed"] is False
    assert response["status"]["code"] == 503


@pytest.mark.parametrize(
    "more",
    [
        {"operation": "UPDATE"},
        {"subResource": "ephemeralcontainers"},
        {"resource": {"group": "apps", "version": "v1", "resource": "deployments"}},
        {"object": None},
    ],
)
def test_what_is_no_new_pod_is_let_through(more: dict[str, Any]) -> None:
    answer, response = ask(encoded(**more), None)
    assert answer.outcome == "skipped"
    assert response["allowed"] is True
    assert "patch" not in response


def test_our_own_mistake_denies_this_pod_alone(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a mistake")

    monkeypatch.setattr(review_module, "inject", broken)
    answer, response = ask(encoded())
    assert answer.outcome == "failed"
    assert response["status"]["code"] == 500
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        json.dumps({**review(), "apiVersion": "admission.k8s.io/v1beta1"}).encode(),
        json.dumps({**review(), "kind": "Pod"}).encode(),
        encoded(uid=""),
        encoded(uid="u" * 1000),
        encoded(uid=1),
        encoded(pod=[]),
    ],
)
def test_no_review(body: bytes) -> None:
    with pytest.raises(ReviewMalformed):
        read_review(body)


def test_a_pod_nested_too_deep() -> None:
    proxy = b'{"name":"hauberk-proxy","resources":' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}"
    body = encoded().replace(b'"containers":[', b'"containers":[' + proxy + b",")
    assert check(body) in {"injected", "refused", "malformed"}


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


WHOLE = review(load("probes").pod)


@settings(max_examples=100)
@given(st.sampled_from(places(WHOLE)), JSON)
def test_a_review_with_anything_in_any_place_is_refused_or_answered(place: Place, value: object) -> None:
    check(json.dumps(replaced(WHOLE, place, value)).encode())


@settings(max_examples=40)
@given(st.data())
def test_a_review_with_broken_octets_is_refused_or_answered(data: st.DataObject) -> None:
    body = encoded(load("deployment").pod)
    start = data.draw(st.integers(0, len(body)))
    check(body[:start] + data.draw(st.binary(max_size=4)) + body[start + data.draw(st.integers(0, 9)) :])


@pytest.mark.parametrize("name", names())
def test_the_webhook_makes_of_a_pod_what_the_golden_file_has(name: str) -> None:
    case = load(name)
    answer = Reviewer(case.settings, case.cluster).answer(read_review(encoded(case.pod)), case.namespace)
    response = msgspec.json.decode(answer.body)["response"]
    text = output(case)
    assert answer.outcome == (
        "refused" if text.startswith("refused") else "skipped" if text.startswith("skipped") else "injected"
    )
    if answer.outcome == "injected":
        patch = patch_of(response) if "patch" in response else []
        assert patch == msgspec.to_builtins(getattr(case.run(), "patch"))  # noqa: B009 - the outcome says that it is there
