"""The control half of limits: the entry point `limits` of the group `hauberk.control`. Checks what PluginPolicies say."""

from typing import Final

from hauberk_core.plugin.control import PolicyUse, hookimpl
from hauberk_limits.config import read_limits

HAUBERK_API: Final = "1"


@hookimpl
def hauberk_policy(config: dict[str, object]) -> PolicyUse:
    """What a PluginPolicy means. Raises: ValueError for one that is wrong."""
    read_limits(config)
    return PolicyUse()
