"""The API server's questions about pods (AdmissionReview, admission.k8s.io/v1), and what they are answered.

Octets in, octets out: who asks how is the webhook's part. Nothing that is asked raises.
"""

import base64
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

import msgspec

from hauberk_control.inject.decide import Namespace
from hauberk_control.inject.inject import Cluster, Injected, Skipped, inject
from hauberk_control.inject.json_object import JsonObject
from hauberk_control.inject.pod_view import PodMalformed
from hauberk_control.inject.wishes import InjectionRefused
from hauberk_control.proxy_settings import ProxySettings
from hauberk_core.agent.logs import LOG
from hauberk_core.model.errors import quote

Outcome = Literal["injected", "skipped", "refused", "malformed", "failed"]

API_VERSION: Final = "admission.k8s.io/v1"
_KIND: Final = "AdmissionReview"
# The API server takes 4096 octets of warnings for all webhooks together, and 256 of each where that is too much.
_MOST_WARNINGS: Final = 16
_LONGEST_WARNING: Final = 256
# Annotations may have 256 KiB, and a denial quotes what is wrong with them.
_LONGEST_MESSAGE: Final = 4096
# A UUID, and room.
_LONGEST_UID: Final = 128


class ReviewMalformed(Exception):
    """This is no AdmissionReview that can be answered; the message says why."""


class _Resource(msgspec.Struct, frozen=True):
    group: str = ""
    version: str = ""
    resource: str = ""


class _Request(msgspec.Struct, frozen=True, rename="camel"):
    uid: str
    operation: str = ""
    resource: _Resource = _Resource()
    sub_resource: str = ""
    namespace: str = ""
    object: JsonObject | None = None


class _Review(msgspec.Struct, frozen=True, rename="camel"):
    api_version: str
    kind: str
    request: _Request


class Question(NamedTuple):
    """What is asked: whether and how this pod is to be changed."""

    uid: str
    namespace: str
    pod: JsonObject | None
    """None: it is not about a pod that is being made, and nothing is to be changed."""


class Answer(NamedTuple):
    """An AdmissionReview, encoded, and what it comes to."""

    body: bytes
    outcome: Outcome


_decoder: Final = msgspec.json.Decoder(_Review)


def read_review(body: bytes) -> Question:
    """Read a question. Raises: ReviewMalformed."""
    try:
        review = _decoder.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ReviewMalformed(f"this is no {_KIND}: {error}") from None
    if review.api_version != API_VERSION or review.kind != _KIND:
        shown = f"{quote(review.kind)} of {quote(review.api_version)}"
        raise ReviewMalformed(f"this is {shown}; {_KIND} of {API_VERSION} is answered here")
    request = review.request
    if not 1 <= len(request.uid) <= _LONGEST_UID:
        raise ReviewMalformed(f"the request's uid has {len(request.uid)} characters; 1 to {_LONGEST_UID} are taken")
    about_pods = request.operation == "CREATE" and request.resource.resource == "pods" and not request.sub_resource
    return Question(request.uid, request.namespace, request.object if about_pods else None)


class Reviewer:
    """Answers questions by a mesh's settings."""

    def __init__(self, settings: ProxySettings, cluster: Cluster) -> None:
        self._settings: Final = settings
        self._cluster: Final = cluster

    def answer(self, question: Question, namespace: Namespace | None) -> Answer:
        """Answer a question. Args: namespace - of the pod; None: it is not known, and the pod has to be made again later."""
        if question.pod is None:
            return _allowed(question, "skipped", "only pods that are being made are injected")
        if namespace is None:
            reason = f"the namespace {quote(question.namespace)} is not known yet; it is safe to try again"
            return _denied(question, 503, reason, "failed")
        try:
            result = inject(question.pod, namespace, self._settings, self._cluster)
            if isinstance(result, Skipped):
                return _allowed(question, "skipped", result.reason, result.warnings)
            return _injected(question, result)
        except PodMalformed as error:
            return _denied(question, 400, f"this is no pod: {error}", "refused")
        except RecursionError:
            return _denied(question, 400, "this is no pod: it is nested too deep", "refused")
        except InjectionRefused as refused:
            return _denied(question, 400, f"hauberk cannot inject this pod: {refused}", "refused")
        except Exception as error:  # whatever it is: this pod alone suffers
            LOG.exception("injection failed for a pod of the namespace %s", namespace.name)
            return _denied(question, 500, f"injection failed: {error!r}; control's log has more", "failed")


def _injected(question: Question, result: Injected) -> Answer:
    response: JsonObject = {"uid": question.uid, "allowed": True}
    if result.patch:
        response |= {"patchType": "JSONPatch", "patch": base64.b64encode(msgspec.json.encode(result.patch)).decode()}
    return _review(response | _told(result.warnings), "injected")


def _allowed(question: Question, outcome: Outcome, reason: str, warnings: Sequence[str] = ()) -> Answer:
    # Into the API server's audit log, where it keeps one: why a pod has no sidecar.
    response = {"uid": question.uid, "allowed": True, "auditAnnotations": {outcome: reason}}
    return _review(response | _told(warnings), outcome)


def _told(warnings: Sequence[str]) -> JsonObject:
    if not warnings:
        return {}
    return {"warnings": [_cut(f"hauberk: {warning}", _LONGEST_WARNING) for warning in warnings[:_MOST_WARNINGS]]}


def _denied(question: Question, code: int, message: str, outcome: Outcome) -> Answer:
    status = {"code": code, "message": _cut(message, _LONGEST_MESSAGE)}
    return _review({"uid": question.uid, "allowed": False, "status": status}, outcome)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def _review(response: JsonObject, outcome: Outcome) -> Answer:
    return Answer(msgspec.json.encode({"apiVersion": API_VERSION, "kind": _KIND, "response": response}), outcome)
