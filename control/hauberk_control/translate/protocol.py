"""What a port speaks, by what is declared of it.

`appProtocol` counts before the port's name, whose part before the first dash tells (`http-web`), and where neither says anything
the proxy looks at what comes. Source: Istio's protocol selection.
"""

from typing import Final, Literal

from hauberk_control.translate.service import other_protocol
from hauberk_core.resources.kubernetes.service import ServicePort

Protocol = Literal["http", "tcp", "detect"]

# A WebSocket begins as a request of HTTP/1.1.
_HTTP: Final = frozenset(("http", "http1", "ws"))


def port_protocol(port: ServicePort) -> Protocol:
    """How a proxy treats connections to the port: as requests, as octets, or as what they turn out to be.

    What is declared to be HTTP is never passed as anything else, so that nobody gets around the rules for requests.
    """
    if other_protocol(port):
        return "tcp"
    told = port.app_protocol.rpartition("/")[2] if port.app_protocol is not None else (port.name or "").partition("-")[0]
    return "http" if told.lower() in _HTTP else "detect"
