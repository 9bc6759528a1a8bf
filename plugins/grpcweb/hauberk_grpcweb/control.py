"""The control half of grpcweb: the entry point `grpcweb` of the group `hauberk.control`. Checks what PluginPolicies say."""

from typing import Final

from hauberk_core.plugin.control import PolicyUse, hookimpl
from hauberk_grpcweb.config import read_grpc_web

HAUBERK_API: Final = "1"


@hookimpl
def hauberk_policy(kind: str, config: dict[str, object]) -> PolicyUse:
    """What a PluginPolicy means: on a Service, that its callers' proxies translate. Raises: ValueError for one that is wrong."""
    read_grpc_web(config)
    return PolicyUse(at_callers=kind == "Service")
