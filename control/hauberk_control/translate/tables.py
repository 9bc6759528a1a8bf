"""Route tables of one form that several roles need."""

from hauberk_core.model.route import Route, RouteTable, VirtualHost


def everything(name: str, routes: tuple[Route, ...]) -> RouteTable:
    """A table whose routes hold for every host."""
    return RouteTable(virtual_hosts=(VirtualHost(name=name, hosts=("*",), routes=routes),))
