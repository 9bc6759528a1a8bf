"""The control half of buffering: the entry point `buffering` of the group `hauberk.control`. Checks what PluginPolicies say."""

from typing import Final

from hauberk_buffering.config import read_buffering
from hauberk_core.plugin.control import PolicyUse, hookimpl

HAUBERK_API: Final = "1"


@hookimpl
def hauberk_policy(config: dict[str, object]) -> PolicyUse:
    """What a PluginPolicy means. Raises: ValueError for one that is wrong."""
    read_buffering(config)
    return PolicyUse()
