"""What the configuration says to this plugin."""

from typing import Annotated

import msgspec

from hauberk_core.model.plugin import read_config

Octets = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class LimitsConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """At least one; absent: as the listener has it."""

    max_body_bytes: Octets | None = None
    """Octets of a request's body, behind any transfer coding."""
    max_header_bytes: Annotated[int, msgspec.Meta(ge=1, le=2**31)] | None = None
    """Octets of the header section as HTTP/1.1 writes it, with what the proxy has added to it."""
    max_headers: Annotated[int, msgspec.Meta(ge=1, le=2**31)] | None = None
    """Fields of the header section."""


def read_limits(config: dict[str, object]) -> LimitsConfig:
    """Check a configuration. Raises: ValueError (msgspec.ValidationError too), with a sentence for a person."""
    read = read_config(config, LimitsConfig)
    if read == LimitsConfig():
        raise ValueError("there is no limit; write maxBodyBytes, maxHeaderBytes or maxHeaders")
    return read
