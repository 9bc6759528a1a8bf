"""What an injected pod's author is told with the API server's answer: nothing is wrong, and yet it may not go as they expect."""

from typing import Final

from hauberk_control.inject.decide import ISTIO_PROXY, Namespace
from hauberk_control.inject.pod_view import PodView, SecurityContext
from hauberk_control.inject.wishes import Wishes
from hauberk_control.proxy_settings import ProxySettings
from hauberk_core.pod import CAPTURE_CONTAINER, INBOUND_PORT, NEVER_CAPTURED_PORTS, OUTBOUND_PORT, PROXY_CONTAINER, PROXY_UID

POD_SECURITY: Final = "pod-security.kubernetes.io/enforce"
# Pods with these do not look names up as the cluster does.
_WITHOUT_CLUSTER_NAMES: Final = frozenset(("Default", "None"))
WITHOUT_NET_ADMIN: Final = frozenset(("baseline", "restricted"))


def warnings_of(view: PodView, namespace: Namespace, settings: ProxySettings, wishes: Wishes) -> list[str]:
    """Sentences for a person, each with what to do. They are short: the API server cuts longer ones."""
    warnings = list(wishes.warnings)
    if wishes.gateway:
        return warnings
    captured = wishes.interception == "REDIRECT"
    by_container = settings.inject.capture == "init"
    level = namespace.labels.get(POD_SECURITY)
    if captured and by_container and level in WITHOUT_NET_ADMIN:
        warnings.append(
            f"Pod Security {level!r} of namespace {namespace.name} forbids NET_ADMIN, which {CAPTURE_CONTAINER} needs: "
            "install hauberk's CNI plugin, or set interception mode NONE"
        )
    if captured:
        warnings += _uncaptured(view)
    warnings += _in_the_proxys_way(view, captured=captured)
    warnings += _out_of_earshot(view)
    if not wishes.native:
        warnings += _without_native_sidecar(view, held=wishes.hold, early_capture=captured and not by_container)
    return warnings


def _uncaptured(view: PodView) -> list[str]:
    """Containers that the rules of capture take for the proxy: they know it by its user, and by its group."""
    everywhere = view.spec.security_context or SecurityContext()
    found: list[str] = []
    for container in (*view.init_containers, *view.containers):
        if container.name in {PROXY_CONTAINER, CAPTURE_CONTAINER}:
            continue
        own = container.security_context or SecurityContext()
        user = everywhere.run_as_user if own.run_as_user is None else own.run_as_user
        group = everywhere.run_as_group if own.run_as_group is None else own.run_as_group
        if PROXY_UID in (user, group):
            what = "user" if user == PROXY_UID else "group"
            found.append(
                f"container {container.name} runs as {what} {PROXY_UID}, the proxy's, and is not captured: choose another"
            )
    return found


def _in_the_proxys_way(view: PodView, *, captured: bool) -> list[str]:
    """Containers with a port on which the proxy of this pod listens: of the two, one cannot."""
    taken = {*NEVER_CAPTURED_PORTS, *((OUTBOUND_PORT, INBOUND_PORT) if captured else ())}
    return [
        f"container {container.name} has the port {port.container_port}, on which the proxy listens: choose another"
        for container in (*view.init_containers, *view.containers)
        if container.name not in {PROXY_CONTAINER, ISTIO_PROXY, CAPTURE_CONTAINER}
        for port in container.ports or []
        if port.container_port in taken and port.protocol in {None, "", "TCP"}
    ]


def _out_of_earshot(view: PodView) -> list[str]:
    """The proxy finds control by a name of the cluster, `hauberk-control.hauberk-system.svc`, as the pod looks names up."""
    policy = view.spec.dns_policy
    if policy not in _WITHOUT_CLUSTER_NAMES:
        return []
    searches = view.spec.dns_config.searches or [] if view.spec.dns_config is not None else []
    if searches:
        return []
    found = f"dnsPolicy {policy} without dnsConfig.searches: the proxy does not find control by its name"
    return [f"{found}: add the cluster's domain (cluster.local) to the searches, and the cluster's DNS to the nameservers"]


def _without_native_sidecar(view: PodView, *, held: bool, early_capture: bool) -> list[str]:
    found: list[str] = []
    if (view.spec.restart_policy or "Always") != "Always":
        found.append("without native sidecars (Kubernetes 1.29) this pod does not end when its program does: the proxy runs on")
    if early_capture and any(container.name != PROXY_CONTAINER for container in view.init_containers):
        found.append(
            "without native sidecars the CNI plugin captures init containers before the proxy runs: they have no network"
        )
    if not held:
        found.append("the application may start before the proxy, and has no network until the proxy is ready")
    return found
