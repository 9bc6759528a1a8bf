"""What the rules of HTTPRoutes are called in snapshots, logs and explanations."""

from hauberk_core.resources.gateway_api.http_route import HTTPRoute


def rule_name(route: HTTPRoute, index: int) -> str:
    """The name of a rule.

    Of equal matches the smaller name wins, so these names sort as Gateway API wants it: by namespace and name, then by position.
    """
    return f"{route.metadata.namespace}/{route.metadata.name}#{index:02d}"


def of_port(name: str, port: int) -> str:
    """The name of a rule, or of a service's own route, in a table that has it once for each port."""
    return f"{name}:{port}"


def without_port(name: str) -> str:
    """What `of_port` was given, or `name` as it is. Neither resources nor clusters have a colon in their names."""
    return name.partition(":")[0]
