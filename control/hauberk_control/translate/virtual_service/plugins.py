"""What plugins do for a rule: `fault` and `directresponse` are configured as Istio writes these fields."""

from typing import Final

from hauberk_control.translate.plugin_policy import ReadPolicy
from hauberk_core.model.duration import Duration
from hauberk_core.model.errors import Path
from hauberk_core.model.mistake import Mistake
from hauberk_core.model.plugin import JsonObject, PluginConfig
from hauberk_core.resources import HTTPRoute
from hauberk_core.resources.istio.virtual_service import DirectResponse, HttpFault, HttpRule, Percentage

_EVERY_REQUEST: Final = 100.0
FAULT: Final = "fault"
DIRECT_RESPONSE: Final = "directresponse"


def rule_plugins(rule: HttpRule, path: Path, read: ReadPolicy, mistakes: list[Mistake]) -> tuple[PluginConfig, ...]:
    """The uses of plugins that a rule asks for. Args: read - asks a plugin whether it understands its configuration."""
    uses: list[PluginConfig] = []
    if rule.fault is not None:
        config = _fault(rule.fault, (*path, "fault"), mistakes)
        if config:
            # A fault that cannot be made is no reason to fail.
            uses += _use(FAULT, "open", config, (*path, "fault"), read, mistakes)
    if rule.direct_response is not None:
        uses += _use(DIRECT_RESPONSE, "closed", _answer(rule.direct_response), (*path, "directResponse"), read, mistakes)
    return tuple(uses)


def _use(
    plugin: str, failure: str, config: dict[str, object], path: Path, read: ReadPolicy, mistakes: list[Mistake]
) -> list[PluginConfig]:
    try:
        told = JsonObject.of(config)
        # The plugin takes a policy for a rule as it takes one for a rule of an HTTPRoute.
        read(plugin, HTTPRoute.KIND, told)
    except ValueError as error:
        mistakes.append(Mistake(path, str(error), f"correct it; what the plugin {plugin} understands is in its manual"))
        return []
    return [PluginConfig(plugin=plugin, failure="open" if failure == "open" else "closed", config=told)]


def _fault(told: HttpFault, path: Path, mistakes: list[Mistake]) -> dict[str, object]:
    config: dict[str, object] = {}
    delay, abort = told.delay, told.abort
    if delay is not None:
        if delay.exponential_delay is not None:
            message = "exponentialDelay is not done and has no effect"
            mistakes.append(Mistake((*path, "delay", "exponentialDelay"), message, "write fixedDelay", "warning"))
        if delay.fixed_delay is not None:
            share = _share(delay.percentage, delay.percent)
            config["delay"] = {"fixedDelay": str(Duration(delay.fixed_delay.seconds)), "percentage": {"value": share}}
    if abort is not None:
        if abort.http2_error is not None:
            message = "http2Error is not done and has no effect"
            mistakes.append(Mistake((*path, "abort", "http2Error"), message, "write httpStatus or grpcStatus", "warning"))
        status = {
            name: value
            for name, value in (("httpStatus", abort.http_status), ("grpcStatus", abort.grpc_status))
            if value is not None
        }
        if status:
            config["abort"] = {**status, "percentage": {"value": _share(abort.percentage, None)}}
    return config


def _share(told: Percentage | None, old: int | None) -> float:
    """In percent; without a word, all."""
    if told is not None:
        return told.value
    return _EVERY_REQUEST if old is None else float(old)


def _answer(told: DirectResponse) -> dict[str, object]:
    body = told.body
    if body is None:
        return {"status": told.status}
    content = {name: value for name, value in (("string", body.string), ("bytes", body.bytes)) if value is not None}
    return {"status": told.status, "body": content}
