"""What a pod's sidecar is to be like: the mesh's settings, and what the pod's annotations say otherwise."""

from collections.abc import Callable, Mapping
from typing import Final, Literal, NamedTuple, TypeVar

import msgspec

from hauberk_control.inject import annotations as names
from hauberk_control.inject.annotations import ANNOTATIONS, SIDECAR_PREFIXES, Annotation
from hauberk_control.inject.decide import POD_INJECT, REVISION, Namespace
from hauberk_control.inject.json_object import JsonObject
from hauberk_control.inject.proxy_config import ProxyConfig, ReadConfig, read_proxy_config
from hauberk_control.inject.settings import Interception
from hauberk_control.inject.values import (
    all_or_ports,
    all_or_ranges,
    boolean,
    image_name,
    named_objects,
    port_list,
    positive_quantity,
    quantity,
    range_list,
    whole_number,
)
from hauberk_control.proxy_settings import ProxySettings
from hauberk_core.model.errors import quote
from hauberk_core.model.mistake import Mistake
from hauberk_core.pod import CAPTURE_ANNOTATION, STATUS_ANNOTATION

_Value = TypeVar("_Value")

GATEWAY_TEMPLATE: Final = "gateway"
# Said elsewhere: which pods are injected, by which revision, and what injection itself has written.
_READ_ELSEWHERE: Final = frozenset((*POD_INJECT, *REVISION, "sidecar.istio.io/status", STATUS_ANNOTATION, CAPTURE_ANNOTATION))


class InjectionRefused(Exception):
    """A pod asks for injection and says something impossible; `mistakes` has every one, with its place in the pod."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        super().__init__(mistakes)
        self.mistakes: Final = mistakes

    def __str__(self) -> str:
        return "; ".join([f"{mistake.without_place().path}: {mistake.message}: {mistake.hint}" for mistake in self.mistakes])


class Capture(NamedTuple):
    """Which connections of a pod its proxy takes; the texts are Istio's: an asterisk is all."""

    inbound_ports: str
    exclude_inbound_ports: str
    outbound_ports: str
    exclude_outbound_ports: str
    outbound_ranges: str
    exclude_outbound_ranges: str


class Wishes(NamedTuple):
    """Everything that is decided about one pod's proxy."""

    gateway: bool
    interception: Interception
    capture: Capture
    image: str
    resources: JsonObject
    native: bool
    hold: bool
    rewrite_probes: bool
    merge_prometheus: bool
    drain: str | None
    workers: int | None
    metadata: Mapping[str, str]
    """Variables of the proxy's environment."""
    volumes: list[JsonObject]
    mounts: list[JsonObject]
    readiness_period: int | None
    readiness_failures: int | None
    warnings: list[str]


_Mode = Literal["REDIRECT", "TPROXY", "NONE"]


class _Reader:
    """Reads annotations and gathers what is wrong with them."""

    def __init__(self, annotations: Mapping[str, str]) -> None:
        self._annotations: Final = annotations
        self.mistakes: Final[list[Mistake]] = []
        self.warnings: list[str] = []

    def given(self, annotation: Annotation) -> str | None:
        """The name under which the annotation is there."""
        return next((name for name in annotation.names if name in self._annotations), None)

    def read(self, annotation: Annotation, reader: Callable[[str], _Value], default: _Value) -> _Value:
        """The annotation's value, or the default where there is none or a wrong one."""
        name = self.given(annotation)
        if name is None:
            return default
        try:
            return reader(self._annotations[name])
        except ValueError as error:
            message, _, hint = str(error).partition("; ")
            self.mistakes.append(Mistake(("metadata", "annotations", name), message, hint))
            return default

    def warn_of_unknown(self) -> None:
        """Tell annotations that are meant for a sidecar and have no effect."""
        known = {name for annotation in ANNOTATIONS for name in annotation.names} | _READ_ELSEWHERE
        for name in sorted(self._annotations):
            if name.startswith(SIDECAR_PREFIXES) and name not in known:
                self.warnings.append(f"annotation {name} has no effect on hauberk's sidecar")


def read_wishes(annotations: Mapping[str, str], namespace: Namespace, settings: ProxySettings, native_sidecars: bool) -> Wishes:
    """Read a pod's annotations.

    Args: native_sidecars - whether the cluster has init containers that keep running.
    Raises: InjectionRefused, with every wrong value.
    """
    reader = _Reader(annotations)
    defaults = settings.inject
    nothing = ReadConfig(ProxyConfig(), ())
    config, ignored = reader.read(names.PROXY_CONFIG, read_proxy_config, nothing)
    reader.warnings += [f"{member} of the proxy's configuration has no effect on hauberk's sidecar" for member in ignored]
    template = reader.read(names.TEMPLATES, _template, "sidecar")
    hold = config.hold_application_until_proxy_starts
    wishes = Wishes(
        gateway=template == GATEWAY_TEMPLATE,
        interception=_interception(reader, config, defaults.interception_mode),
        capture=Capture(
            reader.read(names.INCLUDE_INBOUND_PORTS, all_or_ports, defaults.include_inbound_ports),
            reader.read(names.EXCLUDE_INBOUND_PORTS, port_list, defaults.exclude_inbound_ports),
            reader.read(names.INCLUDE_OUTBOUND_PORTS, port_list, defaults.include_outbound_ports),
            reader.read(names.EXCLUDE_OUTBOUND_PORTS, port_list, defaults.exclude_outbound_ports),
            reader.read(names.INCLUDE_OUTBOUND_RANGES, all_or_ranges, defaults.include_outbound_ip_ranges),
            reader.read(names.EXCLUDE_OUTBOUND_RANGES, range_list, defaults.exclude_outbound_ip_ranges),
        ),
        image=reader.read(names.PROXY_IMAGE, image_name, _image_of(namespace, reader.warnings) or settings.image),
        resources=_resources(reader, settings),
        native=_native(reader, defaults.native_sidecars, native_sidecars),
        hold=defaults.hold_application if hold is None else hold,
        rewrite_probes=reader.read(names.REWRITE_PROBES, boolean, defaults.rewrite_probes),
        merge_prometheus=reader.read(names.MERGE_PROMETHEUS, boolean, defaults.merge_prometheus),
        drain=config.termination_drain_duration,
        workers=config.concurrency or None,
        metadata=config.proxy_metadata,
        volumes=reader.read(names.USER_VOLUME, named_objects, []),
        mounts=reader.read(names.USER_VOLUME_MOUNT, _mounts, []),
        readiness_period=reader.read(names.READINESS_PERIOD, whole_number, None),
        readiness_failures=reader.read(names.READINESS_FAILURES, whole_number, None),
        warnings=reader.warnings,
    )
    reader.warn_of_unknown()
    if reader.mistakes:
        raise InjectionRefused(reader.mistakes)
    return wishes


def _template(text: str) -> str:
    if text not in {"sidecar", GATEWAY_TEMPLATE}:
        raise ValueError(f"there is no template {quote(text)}; write sidecar or gateway")
    return text


def _interception(reader: _Reader, config: ProxyConfig, default: Interception) -> Interception:
    from_config: _Mode = config.interception_mode or default
    wanted = reader.read(names.INTERCEPTION_MODE, _interception_mode, from_config)
    if wanted == "NONE":
        return "NONE"
    if wanted == "TPROXY":
        reader.warnings.append("interception mode TPROXY: hauberk captures by REDIRECT instead")
    return "REDIRECT"


def _interception_mode(text: str) -> _Mode:
    try:
        mode: _Mode = msgspec.convert(text, _Mode)
    except msgspec.ValidationError:
        raise ValueError(f"there is no interception mode {quote(text)}; write REDIRECT or NONE") from None
    return mode


def _image_of(namespace: Namespace, warnings: list[str]) -> str | None:
    """What the namespace's annotation says; a wrong one there is not this pod's mistake, and is told and left out."""
    for name in names.PROXY_IMAGE.names:
        if name in namespace.annotations:
            try:
                return image_name(namespace.annotations[name])
            except ValueError as error:
                warnings.append(f"annotation {name} of namespace {namespace.name} has no effect: {error}")
                return None
    return None


def _native(reader: _Reader, default: bool | None, cluster_has_them: bool) -> bool:
    wanted = reader.read(names.NATIVE_SIDECAR, boolean, cluster_has_them if default is None else default)
    if wanted and not cluster_has_them:
        reader.warnings.append("this cluster has no native sidecars (Kubernetes 1.29); the proxy is an ordinary container")
    return wanted and cluster_has_them


def _resources(reader: _Reader, settings: ProxySettings) -> JsonObject:
    wanted = {
        "requests": {"cpu": names.PROXY_CPU, "memory": names.PROXY_MEMORY},
        "limits": {"cpu": names.PROXY_CPU_LIMIT, "memory": names.PROXY_MEMORY_LIMIT},
    }
    given: dict[str, dict[str, str]] = {}
    for section, members in wanted.items():
        for resource, annotation in members.items():
            amount = reader.read(annotation, positive_quantity, "")
            if amount:
                given.setdefault(section, {})[resource] = amount
    if not given:
        return settings.resources.manifest()
    for resource, limit in given.get("limits", {}).items():
        request = given.get("requests", {}).get(resource)
        if request is not None and quantity(request) > quantity(limit):
            name = reader.given(wanted["requests"][resource]) or ""
            message = f"{request} of {resource} is more than the limit, {limit}"
            reader.mistakes.append(Mistake(("metadata", "annotations", name), message, "lower it, or raise the limit"))
    return {section: dict(amounts) for section, amounts in given.items()}


def _mounts(text: str) -> list[JsonObject]:
    mounts = named_objects(text)
    for mount in mounts:
        if not isinstance(mount.get("mountPath"), str):
            raise ValueError(f"the mount of {quote(str(mount['name']))} has no mountPath; add one")
    return mounts
