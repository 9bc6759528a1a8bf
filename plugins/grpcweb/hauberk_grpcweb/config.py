"""What the configuration says to this plugin: nothing."""

import msgspec

from hauberk_core.model.plugin import read_config


class GrpcWebConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """There is nothing to choose."""


def read_grpc_web(config: dict[str, object]) -> GrpcWebConfig:
    """Check a configuration. Raises: ValueError (msgspec.ValidationError too), with a sentence for a person."""
    return read_config(config, GrpcWebConfig)
