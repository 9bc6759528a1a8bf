"""What pages of other origins may ask, in the proxy's terms."""

from hauberk_control.translate.virtual_service.conditions import EVERYTHING
from hauberk_core.model.cors import Cors
from hauberk_core.model.errors import Path
from hauberk_core.model.mistake import Mistake
from hauberk_core.resources.istio.virtual_service import CorsPolicy, StringMatch


def cross_origin(told: CorsPolicy | None, path: Path, mistakes: list[Mistake]) -> Cors | None:
    """Read a policy. An origin that cannot be said here is left out, so that its pages may not ask."""
    if told is None:
        return None
    if told.unmatched_preflights == "FORWARD":
        message = "preflight requests of other origins are answered here, without leave, and not sent on"
        mistakes.append(Mistake((*path, "unmatchedPreflights"), message, "leave it out", "warning"))
    origins: list[str] = []
    for index, one in enumerate(told.allow_origins):
        origin = _origin(one)
        if origin is not None:
            origins.append(origin)
        else:
            message = "origins are told exactly, or all are: pages of these are not let in"
            hint = "write exact for each; in an HTTPRoute, https://*.example.com takes every name below"
            mistakes.append(Mistake((*path, "allowOrigins", index), message, hint, "warning"))
    usual = Cors()
    return Cors(
        allow_origins=(*origins, *told.allow_origin),
        allow_credentials=bool(told.allow_credentials),
        allow_methods=told.allow_methods,
        allow_headers=told.allow_headers,
        expose_headers=told.expose_headers,
        max_age=usual.max_age if told.max_age is None else int(told.max_age.seconds),
    )


def _origin(told: StringMatch) -> str | None:
    """One origin, `*` for all; None: neither."""
    if told.exact is not None:
        return told.exact
    return "*" if told.prefix == "" or told.regex in EVERYTHING else None
