"""How a proxy treats connections to a port, by what is declared of it.

Where neither `appProtocol` nor the port's name says anything, the proxy looks at what comes.
"""

from typing import Literal

from hauberk_control.translate.service import declares_http, other_protocol
from hauberk_core.resources.kubernetes.service import ServicePort

Protocol = Literal["http", "tcp", "detect"]


def port_protocol(port: ServicePort) -> Protocol:
    """Whether connections to the port are requests, octets, or what they turn out to be.

    What is declared to be HTTP is never passed as anything else, so that nobody gets around the rules for requests.
    """
    if other_protocol(port):
        return "tcp"
    return "http" if declares_http(port) else "detect"
