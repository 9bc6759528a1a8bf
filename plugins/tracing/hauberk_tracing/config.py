"""What the configuration may say to this plugin."""

from typing import Annotated, Literal

import msgspec

from hauberk_tracing.sampler import Sampler

_PARENT_BASED = "parentbased_"


class TracingConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to choose the requests that are traced; OpenTelemetry's words."""

    sampler: Literal[
        "always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio"
    ] = "parentbased_always_on"
    """`parentbased_` keeps a decision that came with the request; the rest of the name is for requests that bring none."""
    ratio: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
    """The share that the two `traceidratio` samplers take."""


def read_config(config: dict[str, object]) -> TracingConfig:
    """Check a configuration. Raises: msgspec.ValidationError (a ValueError) that names the wrong member."""
    return msgspec.convert(config, TracingConfig)


def make_sampler(config: TracingConfig) -> Sampler:
    """The sampler that a configuration asks for."""
    kind = config.sampler.removeprefix(_PARENT_BASED)
    ratio = config.ratio if kind == "traceidratio" else float(kind == "always_on")
    return Sampler(ratio, config.sampler.startswith(_PARENT_BASED))
