"""Which endpoints are near a proxy, and what follows from it: levels of priority, and shares of localities.

A locality is `region/zone/sub-zone`, as far as it is known. What a DestinationRule says goes before what a Service says. Without
either, endpoints are preferred by their locality wherever a rule has outlierDetection, as in Istio: only what notices that
endpoints fail can send requests farther away.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from hauberk_control.translate.endpoints import Reached
from hauberk_control.translate.localities import HOST_LABEL, LEVELS, Place, facts, parts_of
from hauberk_core.model.cluster import MOST_PRIORITIES
from hauberk_core.model.errors import Path, quote
from hauberk_core.model.mistake import Mistake
from hauberk_core.resources import Service
from hauberk_core.resources.istio.destination_rule import LocalityDistribute, LocalityLbSetting
from hauberk_core.resources.kubernetes.node import REGION_LABEL, SUBZONE_LABEL, ZONE_LABEL

DISTRIBUTION_ANNOTATION: Final = "networking.istio.io/traffic-distribution"
TOPOLOGY_ANNOTATIONS: Final = ("service.kubernetes.io/topology-mode", "service.kubernetes.io/topology-aware-hints")
"""The ways before trafficDistribution; `Auto` asked for endpoints in the caller's zone."""

_SAME_ZONE: Final = (REGION_LABEL, ZONE_LABEL)
_DISTRIBUTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "PreferClose": _SAME_ZONE,
    "PreferSameZone": _SAME_ZONE,
    "PreferSameNode": (*_SAME_ZONE, SUBZONE_LABEL, HOST_LABEL),
}
_WHOLE_PERCENT: Final = 100
# Shares of several localities that one wildcard means must not be rounded to nothing.
_SCALE: Final = 1000


class Spread(NamedTuple):
    """What follows for the endpoints of one cluster."""

    priorities: Sequence[int | None]
    """Of each endpoint; None: it gets nothing."""
    shares: dict[str, int]
    """By locality; empty: only the endpoints' weights count."""


def wanted_facts(service: Service, settings: Sequence[LocalityLbSetting | None], *, detects: bool) -> set[str] | None:
    """Labels of proxies that make a difference for a service; None: not even where they are does.

    Args: settings - all that rules say of it; detects - whether anything notices its endpoints' failing.
    """
    told = [one for one in settings if one is not None]
    preferred = _distribution(service)
    if not told and not detects and not preferred:
        return None
    return {name.partition("=")[0] for one in told for name in one.failover_priority} | set(preferred)


def spread(
    reached: Sequence[Reached], service: Service, setting: LocalityLbSetting | None, own: Place, *, detects: bool
) -> Spread:
    """Which endpoints a proxy at `own` prefers, and by how much. Source: Istio's locality load balancing.

    Args: setting - what a rule says; detects - whether anything notices endpoints' failing.
    """
    alike = Spread([0] * len(reached), {})
    preferred = () if setting is not None else _distribution(service)
    if setting is not None and setting.enabled is False:
        return alike
    if preferred:
        return Spread(_consecutive([_by_labels(one, own, preferred) for one in reached]), {})
    if setting is not None and setting.distribute:
        return _distributed(reached, own, setting.distribute)
    if not detects:
        return alike
    found: list[tuple[int, ...]] = []
    for one in reached:
        region = _by_locality(one.locality, own.locality, setting)
        if setting is not None and setting.failover_priority:
            failover = region if setting.failover else 0
            found.append((*_by_labels(one, own, setting.failover_priority), failover))
        else:
            found.append((region,))
    return Spread(_consecutive(found), {})


def _distribution(service: Service) -> tuple[str, ...]:
    """The labels by which endpoints are near, as a Service has it; none if it does not say."""
    annotations = service.metadata.annotations
    told = annotations.get(DISTRIBUTION_ANNOTATION) or service.spec.traffic_distribution or ""
    if not told and any(annotations.get(name, "").lower() == "auto" for name in TOPOLOGY_ANNOTATIONS):
        told = "PreferSameZone"
    return _DISTRIBUTIONS.get(told, ())


def _by_labels(one: Reached, own: Place, names: Sequence[str]) -> tuple[int, ...]:
    """How many of the labels, from the first that differs on, an endpoint does not share with the proxy."""
    theirs, ours = facts(one.locality, one.labels, one.node), dict(own.facts)
    for index, text in enumerate(names):
        name, _, value = text.partition("=")
        if theirs.get(name, "") != (value or ours.get(name, "")):
            return (len(names) - index,)
    return (0,)


def _by_locality(theirs: str, ours: str, setting: LocalityLbSetting | None) -> int:
    """0: the same sub-zone, 1: the same zone, 2: the same region, 3: the one to go to then, 4: any other."""
    own, other = parts_of(ours), parts_of(theirs)
    if own[0] == other[0]:
        return 2 if own[1] != other[1] else int(own[2] != other[2])
    wanted = next((one.to for one in setting.failover if one.from_ == own[0]), None) if setting is not None else None
    return 3 if wanted is None or wanted == other[0] else 4


def _distributed(reached: Sequence[Reached], own: Place, rules: Sequence[LocalityDistribute]) -> Spread:
    rule = next((one for one in rules if _matches(own.locality, one.from_)), None)
    if rule is None:
        return Spread([0] * len(reached), {})
    weights: dict[str, int] = {}
    for one in reached:
        weights[one.locality] = weights.get(one.locality, 0) + one.weight
    shares: dict[str, int] = {}
    # What is said of a zone goes before what is said of its region.
    left = dict(weights)
    for pattern, percent in sorted(rule.to.items(), key=lambda item: (-len(_named(item[0])), item[0])):
        meant = {locality: weight for locality, weight in left.items() if _matches(locality, pattern)}
        for locality, weight in meant.items():
            del left[locality]
            if percent:
                shares[locality] = max(1, percent * _SCALE * weight // sum(meant.values()))
    return Spread([0 if one.locality in shares else None for one in reached], shares)


def _consecutive(found: Sequence[tuple[int, ...]]) -> list[int]:
    """Levels without gaps, in the order of what was found."""
    order = {key: min(level, MOST_PRIORITIES - 1) for level, key in enumerate(sorted(set(found)))}
    return [order[key] for key in found]


def _named(pattern: str) -> list[str]:
    """The parts of a pattern that are no wildcards."""
    return [part for part in parts_of(pattern) if part not in ("", "*")]


def _matches(locality: str, pattern: str) -> bool:
    """Whether a pattern means a locality: `region/zone/*`, `region`, `*`."""
    (region, zone, subzone), wanted = parts_of(locality), parts_of(pattern)
    return wanted[0] in ("*", region) and wanted[1] in ("", "*", zone) and wanted[2] in ("", "*", subzone)


def check_locality(setting: LocalityLbSetting, path: Path, *, detects: bool, mistakes: list[Mistake]) -> None:
    """Append what is wrong with a setting. Args: detects - whether the same policy has outlierDetection."""
    if setting.distribute and (setting.failover or setting.failover_priority):
        message = "shares for localities and failover exclude each other: what has failed loses its share to the others"
        mistakes.append(Mistake((*path, "distribute"), message, "remove distribute, or failover and failoverPriority"))
    for index, one in enumerate(setting.distribute):
        if sum(one.to.values()) != _WHOLE_PERCENT:
            message = f"the shares of what comes from {quote(one.from_)} add up to {sum(one.to.values())} percent"
            mistakes.append(Mistake((*path, "distribute", index, "to"), message, "make them 100 in all"))
        for place_path, pattern in [(("from",), one.from_), *[(("to", name), name) for name in one.to]]:
            if not pattern or len(pattern.split("/")) > LEVELS:
                message = f"{quote(pattern)} is no locality"
                hint = "write region/zone/sub-zone, with * for whatever is not to matter"
                mistakes.append(Mistake((*path, "distribute", index, *place_path), message, hint))
    for index, other in enumerate(setting.failover):
        if other.from_ == other.to:
            message = f"what has failed in {quote(other.to)} cannot go there"
            mistakes.append(Mistake((*path, "failover", index, "to"), message, "name another region"))
    if (setting.failover or setting.failover_priority) and not detects and setting.enabled is not False:
        message = "failover without outlierDetection: where no health check notices that endpoints fail, all are used alike"
        mistakes.append(Mistake(path, message, "add outlierDetection to the same trafficPolicy", "warning"))
