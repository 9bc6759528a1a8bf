"""What translation has to know about a proxy."""

from typing import Annotated, Literal

import msgspec

Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One proxy, as it describes itself; unknown members are ignored, because it may be of a newer version than control.

    Who it is comes from its certificate alone: whoever hands a node to translation has held these claims against that.
    """

    identity: str
    """Its SPIFFE ID, `spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/SERVICE-ACCOUNT`."""
    role: Literal["gateway", "sidecar"]
    name: str
    """A gateway's `namespace/name`; a sidecar's workload."""
    namespace: str
    labels: dict[str, str] = {}
    """The workload's."""
    address: str = "127.0.0.1"
    """The host under which others reach it, where it listens for them; empty: every address of its machine."""
    inbound: dict[Port, tuple[Port, Port]] = {}
    """Sidecar: for each port under which the workload is known, where the sidecar listens and where the workload itself does."""
    outbound: dict[str, Port] = {}
    """Sidecar: for `service.namespace:port`, where it listens for its workload's requests to that service."""
    http_proxy_port: Port = 0
    """Sidecar: where it takes its workload's requests to any service, told apart by host; 0: nowhere."""
    captured: bool = False
    """Sidecar: rules of the kernel lead all connections of its pod to it; the three before then mean nothing."""
    pod: str = ""
    """The pod's name, on a cluster."""
    addresses: tuple[str, ...] = ()
    """The pod's."""
    ports: dict[Port, Port] = {}
    """Gateway: for a port of the resource, the one to listen on instead; in a pod, control knows by itself."""
    plugins: dict[str, str] | None = None
    """Data halves that are installed beside it and not switched off, with their versions; None: it does not say."""
