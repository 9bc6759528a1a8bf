"""Which port of this machine is for what, beside one workload."""

import re
from collections.abc import Sequence
from typing import Final

from hauberk_cli.mesh.free_ports import LOOPBACK, free_ports
from hauberk_control.local.messages import Ports

_NO_VARIABLE: Final = re.compile(r"[^A-Z0-9_]")


class WorkloadPorts:
    """All of them free when this is made."""

    def __init__(self, namespace: str, ports: Sequence[int], services: Sequence[Ports]) -> None:
        """Choose.

        Args: namespace - the workload's; ports - of its service, not empty; services - those that it may call.
        """
        pairs = [(service, port) for service in services for port in service.ports]
        free = iter(free_ports(2 * len(ports) + len(pairs) + 2))
        self._namespace: Final = namespace
        self._ports: Final = tuple(ports)
        self._services: Final = services
        self.inbound: Final = {port: (next(free), next(free)) for port in ports}
        """For each port of the service: where the sidecar listens, and where the program is to listen."""
        self.outbound: Final = {f"{service.name}.{service.namespace}:{port}": next(free) for service, port in pairs}
        """For each port of each service: where the sidecar takes requests to it."""
        self.http_proxy: Final = next(free)
        self.admin: Final = next(free)

    def own(self) -> list[int]:
        """Where the program is to listen."""
        return [own for _, own in self.inbound.values()]

    def variables(self) -> dict[str, str]:
        """What the program is told, in Kubernetes' manner."""
        variables = {"PORT": str(self.inbound[self._ports[0]][1])}
        for port, (_, own) in self.inbound.items():
            variables[f"PORT_{port}"] = str(own)
        for service in self._services:
            if service.namespace == self._namespace and service.ports:
                name = _NO_VARIABLE.sub("_", service.name.upper().replace("-", "_"))
                variables[f"{name}_SERVICE_HOST"] = LOOPBACK
                listen = self.outbound[f"{service.name}.{service.namespace}:{service.ports[0]}"]
                variables[f"{name}_SERVICE_PORT"] = str(listen)
        proxy = f"http://{LOOPBACK}:{self.http_proxy}"
        variables |= {"HTTP_PROXY": proxy, "http_proxy": proxy, "NO_PROXY": "localhost,127.0.0.1,::1"}
        variables["no_proxy"] = variables["NO_PROXY"]
        return variables
