"""What the rules of HTTPRoutes and GRPCRoutes are called in snapshots, logs and explanations."""

from hauberk_core.resources.gateway_api.grpc_route import GRPCRoute
from hauberk_core.resources.gateway_api.route import Route


def rule_name(route: Route, index: int) -> str:
    """The name of a rule. An HTTPRoute and a GRPCRoute may have one name.

    Of equal matches the smaller name wins, so these names sort as Gateway API wants it: by namespace and name, then by position.
    """
    kind = "grpc" if isinstance(route, GRPCRoute) else ""
    return f"{route.metadata.namespace}/{route.metadata.name}#{kind}{index:02d}"


def of_port(name: str, port: int) -> str:
    """The name of a rule, or of a service's own route, in a table that has it once for each port."""
    return f"{name}:{port}"


def without_port(name: str) -> str:
    """What `of_port` was given, or `name` as it is. Neither resources nor clusters have a colon in their names."""
    return name.partition(":")[0]
