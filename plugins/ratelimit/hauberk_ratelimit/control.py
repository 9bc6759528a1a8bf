"""The control half of ratelimit: the entry point `ratelimit` of the group `hauberk.control`. Checks what PluginPolicies say."""

from typing import Final

from hauberk_core.plugin.control import PolicyUse, hookimpl
from hauberk_ratelimit.config import read_rate_limits

HAUBERK_API: Final = "1"


@hookimpl
def hauberk_policy(config: dict[str, object]) -> PolicyUse:
    """What a PluginPolicy means. Raises: ValueError for one that is wrong."""
    read_rate_limits(config)
    return PolicyUse()
