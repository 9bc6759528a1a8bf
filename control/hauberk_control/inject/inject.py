"""Injection: a pure function from a pod to the patch that makes it one of the mesh.

The webhook and `hauberk inject` both call it, so that they cannot differ. It may see a pod a second time, when other webhooks
have changed it in between: what it finds of its own work stays, what others have moved is put back, what they have added is taken
in.
"""

from typing import Final, NamedTuple

import msgspec

from hauberk_control.inject.build import build_pod
from hauberk_control.inject.decide import Namespace, asked_in_vain, reason_to_skip
from hauberk_control.inject.json_object import JsonObject
from hauberk_control.inject.patch import Operation, diff
from hauberk_control.inject.pod_view import PodMalformed, view_pod, workload_of
from hauberk_control.inject.wishes import read_wishes
from hauberk_control.proxy_settings import ProxySettings


class Cluster(NamedTuple):
    """What a cluster can do."""

    native_sidecars: bool = True
    """Init containers that keep running (KEP-753), which Kubernetes has from 1.29 on."""


class Injected(NamedTuple):
    """A pod that becomes one of the mesh."""

    patch: list[Operation]
    """Empty: it is one already."""
    warnings: list[str]
    """For whoever made the pod."""


class Skipped(NamedTuple):
    """A pod that stays as it is."""

    reason: str
    warnings: list[str]
    """For whoever made the pod and meant otherwise."""


# How a cluster's version is written: `1`, `34` or `34+`.
_FIRST_WITH_NATIVE_SIDECARS: Final = (1, 29)


def cluster_of_version(major: str, minor: str) -> Cluster:
    """What a cluster of this version can do. Args: as the API server's `/version` has them."""
    digits = minor.rstrip("+")
    if not (major.isdecimal() and digits.isdecimal()):
        return Cluster(native_sidecars=False)
    return Cluster(native_sidecars=(int(major), int(digits)) >= _FIRST_WITH_NATIVE_SIDECARS)


def inject(
    pod: JsonObject, namespace: Namespace, settings: ProxySettings, cluster: Cluster, workload: str | None = None
) -> Injected | Skipped:
    """Decide about a pod, and make the patch.

    Args: pod - as JSON, or a pod template; workload - the name of what it is one of, None: as its owner says.
    Raises: PodMalformed: this is no pod; InjectionRefused: it asks for injection and says something impossible.
    """
    view = view_pod(pod)
    reason = reason_to_skip(view, namespace, settings.revision, settings.inject)
    if reason is not None:
        warning = asked_in_vain(view, namespace, settings.inject)
        return Skipped(reason, [] if warning is None else [warning])
    wishes = read_wishes(view.annotations, namespace, settings, cluster.native_sidecars)
    try:
        built = build_pod(pod, view, namespace, settings, wishes, workload or workload_of(view))
    except msgspec.ValidationError as error:
        raise PodMalformed(str(error)) from error
    # As JSON has it: no tuples, and every part of it our own.
    patch = msgspec.json.decode(msgspec.json.encode(diff(pod, built.pod)), type=list[Operation])
    return Injected(patch, built.warnings)
