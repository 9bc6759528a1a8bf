"""The control half of health checks: the entry point `healthcheck` of the group `hauberk.control`. Checks what policies say."""

from typing import Final

from hauberk_core.plugin.control import PolicyUse, hookimpl
from hauberk_healthcheck.config import read_rules

HAUBERK_API: Final = "1"


@hookimpl
def hauberk_policy(kind: str, config: dict[str, object]) -> PolicyUse:
    """What a PluginPolicy means. Raises: ValueError for one that is wrong."""
    if kind != "Service":
        raise ValueError(f"a {kind} has no endpoints to check; attach the policy to the Service, or to one of its ports")
    read_rules(config)
    return PolicyUse(at_endpoints=True)
