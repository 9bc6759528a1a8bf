"""How a DestinationRule has an endpoint chosen, and what of it the proxy does."""

from typing import Final, Literal

import msgspec

from hauberk_core.model import syntax
from hauberk_core.model.check_hashing import is_prime, next_prime
from hauberk_core.model.cluster import LARGEST_HASH_RING, LARGEST_HASH_TABLE, HashBy, Warmup
from hauberk_core.model.duration import LONGEST_SECONDS, Duration
from hauberk_core.model.errors import Path
from hauberk_core.model.mistake import Mistake
from hauberk_core.resources.istio.destination_rule import ConsistentHash, LoadBalancer

Kind = Literal["least_request", "round_robin", "random", "ring_hash", "maglev"]

_SIMPLE: Final[dict[str | None, Kind]] = {"ROUND_ROBIN": "round_robin", "RANDOM": "random"}
"""LEAST_REQUEST and everything else is `least_request`."""


_SHORTEST_WARMUP: Final = 1.0
_WHOLE_PERCENT: Final = 100
_MOST_AGGRESSION: Final = 100


class Balancing(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a cluster's settings that says it."""

    load_balancing: Kind = "least_request"
    hash_by: HashBy | None = None
    hash_table_size: int = 0
    warmup: Warmup | None = None


def balancing(load_balancer: LoadBalancer | None) -> Balancing | None:
    """What a rule without mistakes says; None: nothing of which of the endpoints that are near enough is chosen."""
    if load_balancer is None:
        return None
    is_told = load_balancer.simple not in (None, "UNSPECIFIED") or load_balancer.consistent_hash is not None
    if not is_told and _warmup(load_balancer) is None:
        return None
    hashed = load_balancer.consistent_hash
    if hashed is None:
        kind = _SIMPLE.get(load_balancer.simple, "least_request")
        return Balancing(load_balancing=kind, warmup=None if kind == "random" else _warmup(load_balancer))
    if hashed.maglev is not None:
        size = min(hashed.maglev.table_size or 0, LARGEST_HASH_TABLE)
        return Balancing(load_balancing="maglev", hash_by=_hash_by(hashed), hash_table_size=size)
    size = min(_ring_size(hashed) or 0, LARGEST_HASH_RING)
    return Balancing(load_balancing="ring_hash", hash_by=_hash_by(hashed), hash_table_size=size)


def _warmup(load_balancer: LoadBalancer) -> Warmup | None:
    told = load_balancer.warmup
    seconds = told.duration if told is not None else load_balancer.warmup_duration_secs
    if seconds is None:
        return None
    warmup = Warmup(duration=Duration(min(max(seconds.seconds, _SHORTEST_WARMUP), LONGEST_SECONDS)))
    if told is None:
        return warmup
    return msgspec.structs.replace(
        warmup,
        minimum_percent=warmup.minimum_percent if told.minimum_percent is None else told.minimum_percent,
        aggression=warmup.aggression if told.aggression is None else told.aggression,
    )


def _ring_size(hashed: ConsistentHash) -> int | None:
    return hashed.ring_hash.minimum_ring_size if hashed.ring_hash is not None else hashed.minimum_ring_size


def _hash_by(hashed: ConsistentHash) -> HashBy:
    cookie = hashed.http_cookie
    if cookie is not None:
        lifetime = None if cookie.ttl is None else Duration(min(cookie.ttl.seconds, LONGEST_SECONDS))
        return HashBy(cookie=cookie.name, cookie_lifetime=lifetime, cookie_path=cookie.path or "/")
    return HashBy(
        header=(hashed.http_header_name or "").lower(),
        query=hashed.http_query_parameter_name or "",
        source_address=bool(hashed.use_source_ip),
    )


def check_load_balancer(load_balancer: LoadBalancer | None, path: Path, mistakes: list[Mistake]) -> None:
    """Append what is wrong with it, and as warnings what the proxy does not do."""
    if load_balancer is None:
        return
    _check_warmup(load_balancer, path, mistakes)
    if load_balancer.simple == "PASSTHROUGH":
        message = "PASSTHROUGH is not done yet: the endpoint with the fewest requests is taken"
        mistakes.append(Mistake((*path, "simple"), message, "write LEAST_REQUEST, ROUND_ROBIN or RANDOM", "warning"))
    if load_balancer.consistent_hash is not None:
        _check_hash(load_balancer.consistent_hash, (*path, "consistentHash"), mistakes)


def _check_warmup(load_balancer: LoadBalancer, path: Path, mistakes: list[Mistake]) -> None:
    told = load_balancer.warmup
    for field, duration in (
        (("warmup", "duration"), told.duration if told is not None else None),
        (("warmupDurationSecs",), load_balancer.warmup_duration_secs),
    ):
        if duration is None:
            continue
        if load_balancer.consistent_hash is not None or load_balancer.simple == "RANDOM":
            message = "new endpoints begin with a small share by LEAST_REQUEST and ROUND_ROBIN only: no effect"
            mistakes.append(Mistake((*path, field[0]), message, "remove it, or choose one of these two", "warning"))
        elif duration.seconds < _SHORTEST_WARMUP:
            mistakes.append(Mistake((*path, *field), "too short a time to grow in", "write at least 1s"))
    if told is not None and told.minimum_percent is not None and not 0 < told.minimum_percent <= _WHOLE_PERCENT:
        message = f"{told.minimum_percent} is no share in percent"
        mistakes.append(Mistake((*path, "warmup", "minimumPercent"), message, "write a number above 0, at most 100"))
    if told is not None and told.aggression is not None and not 1 <= told.aggression <= _MOST_AGGRESSION:
        message = f"{told.aggression} is no aggression"
        mistakes.append(Mistake((*path, "warmup", "aggression"), message, f"write a number from 1 to {_MOST_AGGRESSION}"))


def _check_hash(hashed: ConsistentHash, path: Path, mistakes: list[Mistake]) -> None:
    if hashed.use_source_ip is False:
        message = "useSourceIp is false, and nothing else is there to hash by"
        mistakes.append(Mistake((*path, "useSourceIp"), message, "write true, or another thing to hash by"))
    if hashed.http_header_name is not None:
        fault = syntax.header_name(hashed.http_header_name)
        if fault is not None:
            mistakes.append(Mistake((*path, "httpHeaderName"), *fault))
    if hashed.http_query_parameter_name == "":
        mistakes.append(Mistake((*path, "httpQueryParameterName"), "a parameter without a name", "write its name"))
    cookie = hashed.http_cookie
    if cookie is not None:
        fault = syntax.cookie_name(cookie.name) or (syntax.cookie_path(cookie.path) if cookie.path else None)
        if fault is not None:
            mistakes.append(Mistake((*path, "httpCookie"), *fault))
    size = hashed.maglev.table_size if hashed.maglev is not None else None
    if size and not is_prime(min(size, LARGEST_HASH_TABLE)):
        message = f"Maglev's table has a prime number of entries, and {size} is none"
        mistakes.append(Mistake((*path, "maglev", "tableSize"), message, f"write {next_prime(size)}"))
    for field, asked, most in (
        (("maglev", "tableSize"), size, LARGEST_HASH_TABLE),
        (("ringHash", "minimumRingSize"), _ring_size(hashed), LARGEST_HASH_RING),
    ):
        if asked and asked > most:
            place = field if hashed.ring_hash is not None or hashed.maglev is not None else field[1:]
            message = f"{asked} is more than is made: {most}"
            mistakes.append(Mistake((*path, *place), message, f"write at most {most}", "warning"))
