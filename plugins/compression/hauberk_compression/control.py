"""The control half of compression: the entry point `compression` of the group `hauberk.control`."""

from typing import Final

from hauberk_compression.config import read_compression
from hauberk_core.plugin.control import PolicyUse, hookimpl

HAUBERK_API: Final = "1"


@hookimpl
def hauberk_policy(config: dict[str, object]) -> PolicyUse:
    """What a PluginPolicy means. Raises: ValueError for one that is wrong."""
    read_compression(config)
    return PolicyUse()
