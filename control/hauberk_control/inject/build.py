"""Puts an injected pod together: containers in their order, probes, volumes, annotations, and what is worth a warning."""

from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from hauberk_control.inject.decide import AUTO_IMAGE, ISTIO_PROXY, Namespace
from hauberk_control.inject.json_object import JsonObject, as_object, as_objects, named, without
from hauberk_control.inject.merge import merge
from hauberk_control.inject.pod_view import PodView
from hauberk_control.inject.probes import rewrite_probes
from hauberk_control.inject.prometheus import lead_to_proxy
from hauberk_control.inject.proxy_container import (
    capture_arguments,
    capture_container,
    held_start,
    proxy_container,
    set_variable,
)
from hauberk_control.inject.warnings import warnings_of
from hauberk_control.inject.wishes import InjectionRefused, Wishes
from hauberk_control.proxy_pod import volumes
from hauberk_control.proxy_settings import ProxySettings
from hauberk_core.injection_status import CapturedPorts, InjectionStatus
from hauberk_core.model.mistake import Mistake
from hauberk_core.pod import (
    CAPTURE_ANNOTATION,
    CAPTURE_CONTAINER,
    GATEWAY_NAME_LABEL,
    PROBES,
    PROMETHEUS,
    PROXY_CONTAINER,
    STATUS_ANNOTATION,
)

_ALWAYS: Final = "Always"


class Built(NamedTuple):
    """An injected pod."""

    pod: JsonObject
    warnings: list[str]


class _Containers(NamedTuple):
    """A pod's containers of both kinds, in their order."""

    init: list[JsonObject]
    ordinary: list[JsonObject]


def build_pod(
    pod: JsonObject, view: PodView, namespace: Namespace, settings: ProxySettings, wishes: Wishes, workload: str
) -> Built:
    """The pod with everything that injection brings. Raises: InjectionRefused if its parts make that impossible."""
    spec = as_object(pod.get("spec"))
    given = _given_proxy(spec)
    # Without the label it serves the Gateways that name a Service of its.
    gateway = view.labels.get(GATEWAY_NAME_LABEL, "") if wishes.gateway else None
    known = _known(given, PROBES)
    warnings = warnings_of(view, namespace, settings, wishes)

    proxy = merge(proxy_container(settings, wishes, workload, gateway), given)
    captured = gateway is None and wishes.interception == "REDIRECT"
    capture = captured and settings.inject.capture == "init"
    if capture and any(container.name == CAPTURE_CONTAINER for container in view.containers):
        message = f"injection brings an init container called {CAPTURE_CONTAINER}, and a container has that name"
        raise InjectionRefused([Mistake(("spec", "containers"), message, "rename the container")])
    native = gateway is None and wishes.native
    if native:
        proxy = merge({"restartPolicy": _ALWAYS}, proxy)
    elif gateway is None and wishes.hold:
        proxy = merge({"lifecycle": held_start()}, proxy)

    containers = _Containers(as_objects(spec.get("initContainers")), as_objects(spec.get("containers")))
    probes: dict[str, JsonObject] = {}
    if captured and wishes.rewrite_probes:
        containers = _rewrite_probes(containers, view, known, probes, warnings)
    if probes:
        proxy = set_variable(proxy, PROBES, _for_variable(probes))
    annotations = dict(view.annotations)
    scrape = lead_to_proxy(view.annotations) if wishes.merge_prometheus else None
    if scrape is not None:
        annotations |= scrape.annotations
        if scrape.application is not None:
            proxy = set_variable(proxy, PROMETHEUS, _for_variable(scrape.application))

    containers = _in_order(containers, proxy, native=native, first=native or (gateway is None and wishes.hold))
    if capture:
        containers = _with_capture(containers, capture_container(settings, wishes), first=native)
    if captured and settings.inject.capture == "cni":
        annotations.setdefault(CAPTURE_ANNOTATION, _json(capture_arguments(wishes.capture)))

    ours = [*volumes(settings), *wishes.volumes]
    secrets: list[JsonObject] = [{"name": name} for name in settings.image_pull_secrets]
    status = InjectionStatus(
        revision=settings.revision,
        init_containers=tuple([name for name, there in ((CAPTURE_CONTAINER, capture), (PROXY_CONTAINER, native)) if there]),
        containers=() if native else (PROXY_CONTAINER,),
        volumes=tuple([str(volume["name"]) for volume in ours]),
        image_pull_secrets=settings.image_pull_secrets,
        captured=CapturedPorts(wishes.capture.inbound_ports, wishes.capture.exclude_inbound_ports) if captured else None,
    )
    annotations[STATUS_ANNOTATION] = status.encode()
    changed = {
        "initContainers": containers.init,
        "containers": containers.ordinary,
        "volumes": _added(spec.get("volumes"), ours),
        "imagePullSecrets": _added(spec.get("imagePullSecrets"), secrets),
    }
    spec = {**spec, **{name: value for name, value in changed.items() if value or name in spec}}
    metadata = {**as_object(pod.get("metadata")), "annotations": annotations}
    return Built({**pod, "metadata": metadata, "spec": spec}, warnings)


def _given_proxy(spec: JsonObject) -> JsonObject:
    """What the pod says of the proxy's container: our own of an earlier pass, what its author wants different, or nothing."""
    everything = [*as_objects(spec.get("initContainers")), *as_objects(spec.get("containers"))]
    given = named(everything, PROXY_CONTAINER) or named(everything, ISTIO_PROXY) or {}
    # The API server has filled in a policy for `auto` too: Always, because that has no tag.
    chosen_here = ("image", "imagePullPolicy") if given.get("image", "") in {"", AUTO_IMAGE} else ()
    changed = {name: value for name, value in given.items() if name not in chosen_here}
    return {**changed, "name": PROXY_CONTAINER}


def _known(given: JsonObject, variable: str) -> Mapping[str, object]:
    """What a variable of the proxy's container holds of an earlier pass."""
    entry = named(as_objects(given.get("env")), variable)
    try:
        return msgspec.json.decode(str((entry or {}).get("value", "{}")), type=dict[str, object])
    except msgspec.DecodeError:
        return {}


def _rewrite_probes(
    containers: _Containers, view: PodView, known: Mapping[str, object], probes: dict[str, JsonObject], warnings: list[str]
) -> _Containers:
    views = {container.name: container for container in (*view.init_containers, *view.containers)}

    def rewritten(container: JsonObject) -> JsonObject:
        described = views[str(container["name"])]
        if described.name in {PROXY_CONTAINER, ISTIO_PROXY, CAPTURE_CONTAINER}:
            return container
        result = rewrite_probes(container, described, known)
        probes.update(result.probes)
        warnings.extend(result.warnings)
        return result.container

    return _Containers([rewritten(each) for each in containers.init], [rewritten(each) for each in containers.ordinary])


def _in_order(containers: _Containers, proxy: JsonObject, *, native: bool, first: bool) -> _Containers:
    """The containers with the proxy where it belongs, and nowhere else."""
    names = (PROXY_CONTAINER, ISTIO_PROXY)
    init, ordinary = without(containers.init, names), without(containers.ordinary, names)
    if native:
        return _Containers([proxy, *init], ordinary)
    if first:
        return _Containers(init, [proxy, *ordinary])
    place = next((at for at, each in enumerate(containers.ordinary) if each.get("name") in names), len(ordinary))
    return _Containers(init, [*ordinary[:place], proxy, *ordinary[place:]])


def _with_capture(containers: _Containers, capture: JsonObject, *, first: bool) -> _Containers:
    """The containers with the one that sets up capture.

    A native sidecar runs while the pod's other init containers do, so that their traffic can be captured. Without one it cannot:
    they come before capture, and reach the network as if there were no mesh.
    """
    init = without(containers.init, (CAPTURE_CONTAINER,))
    capture = merge(capture, named(containers.init, CAPTURE_CONTAINER) or {})
    return _Containers([capture, *init] if first else [*init, capture], containers.ordinary)


def _added(present: object, ours: list[JsonObject]) -> list[JsonObject]:
    """What is there, and what of ours is not."""
    there = as_objects(present)
    # A list, because what stands there as a name may be anything.
    names = [item.get("name") for item in there]
    return [*there, *[item for item in ours if item["name"] not in names]]


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _for_variable(value: object) -> str:
    """JSON for an environment variable, in which the kubelet would take a dollar sign for a reference to another."""
    return _json(value).replace("$", "\\u0024")
