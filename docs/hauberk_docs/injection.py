"""Labels and annotations by which pods become pods of the mesh."""

from typing import Final

from hauberk_control.inject.annotations import ANNOTATIONS
from hauberk_control.inject.decide import NAMESPACE_INJECTION, POD_INJECT, REVISION, Marks
from hauberk_control.inject.metrics import METRICS
from hauberk_control.inject.settings import InjectionSettings
from hauberk_core.pod import CAPTURE_ANNOTATION, STATUS_ANNOTATION
from hauberk_docs.markdown import code, page, table

_BEFORE: Final = """
Which pods get a sidecar, and what it is like. Every label and annotation has two names, ours and Istio's; ours wins where both
are there. The webhook of a cluster and `hauberk inject` read them alike. How to do it:
[Inject sidecars](../how-to/inject-sidecars.md). What a mesh decides for all its pods is among the
[values of an installation](chart-values.md).
"""
_DECISION: Final = """
In this order; the first that says something decides:

1. Never: pods with `hostNetwork`, what a kubelet shows of its static pods, pods for another system than Linux, pods that have
   Istio's sidecar already, and the namespaces {never_in}.
2. The pod's label {pod} is `false`: not injected.
3. The namespace's label {namespace}: with `enabled` the revision `default` injects, with any other
   value nobody does.
4. The namespace's label {revision} names the revision that injects.
5. The pod's label {revision} names it.
6. The pod's label {pod} is `true`: the revision `default` injects.
7. Nobody asked: not injected.

A pod that is to be injected stays out by the annotation {pod} with anything but `true`, `yes`,
`y` or `on`, unless it has the label.
"""
_VALUES: Final = """
A value that makes no sense denies the pod, with every mistake, its place and what to write instead: a pod that captured other
traffic than its author thinks would be worse. Whoever makes a pod is warned (`Warning: hauberk: ...`, after `kubectl apply`) of:

- annotations for a sidecar, ours and Istio's, that have no effect here, and members of `proxy-config` that have none;
- capture that cannot be set up: the namespace's Pod Security forbids NET_ADMIN, and the mesh does not capture by the node;
- containers that are not captured, because their user or group is the proxy's, 1337;
- containers with a port that is the proxy's own;
- a `dnsPolicy` by which the proxy does not find control;
- a pod that asks for a sidecar by a label or annotation of its own and cannot have one: on the node's network, or for Windows;
- a label `hauberk.dev/inject` or `sidecar.istio.io/inject` that is neither `true` nor `false`;
- what the lack of native sidecars brings with it, on old clusters.
"""
_TEMPLATE: Final = """
Whatever the annotations do not say, the pod itself may: a container called `hauberk-proxy` (or, with the image `auto`,
`istio-proxy`) is laid over the one that injection makes, member by member; variables, mounts and ports are joined by name, path
and number.
"""
_WRITTEN: Final = """
| annotation | says |
|---|---|
| {status} | that the pod is injected: `revision`, what injection brought, and which ports lead to the proxy (`captured`) |
| {capture} | only with the CNI plugin: the arguments of capture, a JSON list |
| `prometheus.io/scrape`, `port`, `path` | the proxy's metrics, and with them the application's, if they led there before |

A probe by HTTP, TCP or gRPC leads to the proxy's port 15020, `/app-health/CONTAINER/livez`, `readyz` or `startupz`; what it asked
for before stands in `HAUBERK_PROBES`. Probes that run a program, probes of another host, and lifecycle hooks stay.
"""
_METRICS: Final = """
On control's port 15014.
"""


def injection_page() -> str:
    """The page, from the tables by which injection works."""
    never_in = InjectionSettings().never_in
    decision = _DECISION.format(
        pod=_either(POD_INJECT),
        namespace=_either(NAMESPACE_INJECTION),
        revision=_either(REVISION),
        never_in=", ".join([code(name) for name in never_in]),
    )
    rows = [
        ("<br>".join([code(name) for name in annotation.names]), annotation.form, annotation.meaning)
        for annotation in ANNOTATIONS
    ]
    return page(
        "Injection",
        _BEFORE,
        "## Which pods",
        decision,
        "## Annotations of a pod",
        _VALUES,
        table(("annotation", "value", "what it does"), rows),
        _TEMPLATE,
        "## What injection writes",
        _WRITTEN.format(status=code(STATUS_ANNOTATION), capture=code(CAPTURE_ANNOTATION)),
        "## Metrics of the webhook",
        _METRICS,
        table(("metric", "what it counts"), [(code(name), meaning) for name, meaning in METRICS]),
    )


def _either(marks: Marks) -> str:
    return " or ".join([code(name) for name in marks])
