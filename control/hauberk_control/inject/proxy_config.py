"""Istio's ProxyConfig in a pod's annotation, as far as it means something here."""

from typing import Annotated, Final, Literal, NamedTuple

import msgspec

from hauberk_core.model.duration import Duration
from hauberk_core.resources.embedded_yaml import read_members, told

_ORIGIN: Final = "proxy config"
# Each is a process with memory of its own.
_MOST_WORKERS: Final = 64


class ProxyConfig(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What a pod says of its proxy. Members that it does not name are None."""

    hold_application_until_proxy_starts: bool | None = None
    termination_drain_duration: str | None = None
    concurrency: Annotated[int, msgspec.Meta(ge=0, le=_MOST_WORKERS)] | None = None
    """0 is Istio's word for one for each core; here it is as nothing."""
    interception_mode: Literal["REDIRECT", "TPROXY", "NONE"] | None = None
    proxy_metadata: dict[str, str] = msgspec.field(default_factory=dict)


class ReadConfig(NamedTuple):
    """The configuration, and the names of members that have no effect."""

    config: ProxyConfig
    ignored: tuple[str, ...]


def read_proxy_config(text: str) -> ReadConfig:
    """Read YAML. Raises: ValueError: what is wrong, a semicolon, and what to write."""
    plain = read_members(text, _ORIGIN, "holdApplicationUntilProxyStarts: true")
    try:
        config = msgspec.convert(plain, ProxyConfig)
    except msgspec.ValidationError as error:
        raise told(str(error), "see Istio's reference of ProxyConfig for the form of this member") from None
    if config.termination_drain_duration is not None:
        Duration.parse(config.termination_drain_duration)
    ignored = sorted(set(plain) - set(ProxyConfig.__struct_encode_fields__))
    return ReadConfig(config, tuple(ignored))
