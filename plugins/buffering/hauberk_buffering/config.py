"""What the configuration says to this plugin."""

from typing import Annotated, Final

import msgspec

from hauberk_core.model.plugin import read_config

# What the proxy keeps of one body at most.
LARGEST: Final = 64 * 1024 * 1024


class Buffer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """How much is kept of one body."""

    max_bytes: Annotated[int, msgspec.Meta(ge=1, le=LARGEST)]


class BufferingConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """At least one of the two."""

    request: Buffer | None = None
    """A request goes to its endpoint when it is complete; one that is longer is answered 413."""
    response: Buffer | None = None
    """A response goes to its client when it is complete; one that is longer is passed on as it comes."""


def read_buffering(config: dict[str, object]) -> BufferingConfig:
    """Check a configuration. Raises: ValueError (msgspec.ValidationError too), with a sentence for a person."""
    read = read_config(config, BufferingConfig)
    if read == BufferingConfig():
        raise ValueError("there is nothing to keep; write request or response with maxBytes")
    return read
