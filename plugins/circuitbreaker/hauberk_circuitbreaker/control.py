"""The control half: DestinationRules' connectionPool and outlierDetection become the breaker's configuration of each cluster.

Registers itself: the entry point `circuitbreaker` of the group `hauberk.control`. What of the two sections is about single
connections (connectTimeout, idleTimeout, maxRequestsPerConnection, ...) is the core's; what counts something for the whole proxy,
or judges endpoints, is here. Zeros that Istio takes for "not set" are taken so here too.
"""

from typing import Final

from hauberk_core.model.duration import LONGEST_SECONDS, Duration
from hauberk_core.plugin.control import Attached, JsonObject, PluginConfig, Scope, hookimpl
from hauberk_core.resources.istio.destination_rule import ConnectionPool, OutlierDetection, TrafficPolicy

HAUBERK_API: Final = "1"
NAME: Final = "circuitbreaker"


@hookimpl
def hauberk_translate(scope: Scope) -> Attached | None:
    """A breaker for each cluster whose DestinationRule asks for one."""
    clusters: dict[str, tuple[PluginConfig, ...]] = {}
    for name, policy in scope.policies.items():
        config = breaker_config(policy)
        if config:
            clusters[name] = (PluginConfig(plugin=NAME, phase="admission", config=JsonObject.of(config)),)
    return Attached(clusters=clusters) if clusters else None


def breaker_config(policy: TrafficPolicy) -> dict[str, object]:
    """What the data half is told of a policy; empty if it has nothing to do."""
    config = _limits(policy.connection_pool)
    if policy.outlier_detection is not None:
        config["outliers"] = _outliers(policy.outlier_detection)
    return config


def _limits(pool: ConnectionPool | None) -> dict[str, object]:
    tcp = pool.tcp if pool is not None else None
    http = pool.http if pool is not None else None
    limits = {
        "max_connections": tcp.max_connections if tcp is not None else None,
        "max_pending": http.http1_max_pending_requests if http is not None else None,
        "max_requests": http.http2_max_requests if http is not None else None,
        "max_retries": http.max_retries if http is not None else None,
    }
    # As in Istio, 0 is no limit.
    return {name: value for name, value in limits.items() if value}


def _outliers(told: OutlierDetection) -> dict[str, object]:
    outliers: dict[str, object] = {}
    if told.consecutive_errors:
        # The old field counted gateway errors alone, and switched the counting of other 5xx off.
        outliers["consecutive_gateway"] = told.consecutive_errors
        outliers["consecutive_5xx"] = 0
    if told.consecutive_5xx_errors is not None:
        outliers["consecutive_5xx"] = told.consecutive_5xx_errors
    if told.consecutive_gateway_errors is not None:
        outliers["consecutive_gateway"] = told.consecutive_gateway_errors
    if told.split_external_local_origin_errors:
        outliers["split"] = True
        if told.consecutive_local_origin_failures:
            outliers["consecutive_local"] = told.consecutive_local_origin_failures
    if told.interval is not None:
        outliers["interval"] = _text(told.interval)
    if told.base_ejection_time is not None:
        outliers["base_ejection"] = _text(told.base_ejection_time)
    if told.max_ejection_percent:
        outliers["max_ejection_percent"] = told.max_ejection_percent
    if told.min_health_percent:
        outliers["min_health_percent"] = told.min_health_percent
    return outliers


def _text(duration: Duration) -> str:
    """As the data half reads it, which takes a day and a half at most."""
    return str(Duration(min(duration.seconds, LONGEST_SECONDS)))
