"""The control half of fault: the entry point `fault` of the group `hauberk.control`. Checks what PluginPolicies say."""

from typing import Final

from hauberk_core.plugin.control import PolicyUse, hookimpl
from hauberk_fault.config import read_fault

HAUBERK_API: Final = "1"


@hookimpl
def hauberk_policy(kind: str, config: dict[str, object]) -> PolicyUse:
    """What a PluginPolicy means. Raises: ValueError for one that is wrong."""
    read_fault(config)
    # As in Istio it is the callers of a service that see it fail; the service itself does its work.
    return PolicyUse(at_callers=kind == "Service")
