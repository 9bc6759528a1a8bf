"""Writes the features that a profile of the suite, for example GATEWAY-HTTP, is run for: those that are claimed."""

import sys
from typing import Final

from hauberk_control.status.features import GATEWAY_FEATURES, MESH_FEATURES

_MESH: Final = {"MESH-HTTP": "HTTPRoute", "MESH-GRPC": "GRPCRoute"}
_OTHER_ROUTES: Final = {
    "GATEWAY-GRPC": "GRPCRoute",
    "GATEWAY-TCP": "TCPRoute",
    "GATEWAY-TLS": "TLSRoute",
    "GATEWAY-UDP": "UDPRoute",
}
_ALWAYS: Final = ("Gateway", "ReferenceGrant")


def features(profile: str) -> list[str]:
    """Those of the profile's routes. All that Gateways have beside routes is asked for with HTTP's."""
    if profile in _MESH:
        # Some tests of the mesh ask for features of routes too.
        return [*MESH_FEATURES, *[feature for feature in GATEWAY_FEATURES if feature.startswith(_MESH[profile])]]
    if profile in _OTHER_ROUTES:
        return [*_ALWAYS, *[feature for feature in GATEWAY_FEATURES if feature.startswith(_OTHER_ROUTES[profile])]]
    return [feature for feature in GATEWAY_FEATURES if not feature.startswith(tuple(_OTHER_ROUTES.values()))]


if __name__ == "__main__":
    sys.stdout.write(",".join(features(sys.argv[1])))
