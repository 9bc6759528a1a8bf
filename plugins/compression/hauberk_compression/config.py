"""What the configuration says to this plugin."""

from typing import Annotated, Final

import msgspec

from hauberk_core.model.plugin import read_config

# What text there is on the web; pictures, sounds, films and archives are compressed already.
USUAL_TYPES: Final = (
    "text/*",
    "application/javascript",
    "application/json",
    "application/manifest+json",
    "application/wasm",
    "application/xhtml+xml",
    "application/xml",
    "application/*+json",
    "application/*+xml",
    "font/otf",
    "font/ttf",
    "image/svg+xml",
    "image/x-icon",
)
MediaType = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9!#$&^_.-]+/(\*|(\*\+)?[a-z0-9!#$&^_.+-]+)$", max_length=127)]
"""In lower case; `*` stands for a whole subtype, or for what is before its suffix. Source: RFC 6838 section 4.2."""


class CompressionConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Nothing has to be said."""

    min_bytes: Annotated[int, msgspec.Meta(ge=0, le=2**31)] = 1024
    """A body that says it is shorter stays as it is: it would still take one packet."""
    level: Annotated[int, msgspec.Meta(ge=1, le=9)] = 4
    """1 is fastest, 9 smallest."""
    types: Annotated[tuple[MediaType, ...], msgspec.Meta(min_length=1, max_length=64)] = USUAL_TYPES
    """Media types whose bodies are compressed."""


def read_compression(config: dict[str, object]) -> CompressionConfig:
    """Check a configuration. Raises: ValueError (msgspec.ValidationError is one), with a sentence for a person."""
    return read_config(config, CompressionConfig)
