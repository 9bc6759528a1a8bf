"""Writes the features that a profile of the suite, GATEWAY-HTTP or MESH-HTTP, is run for: those that are claimed."""

import sys

from hauberk_control.status.features import GATEWAY_FEATURES, MESH_FEATURES

_MESH = "MESH-HTTP"


def features(profile: str) -> list[str]:
    """The mesh has the features of routes too: some of its tests ask for both."""
    if profile != _MESH:
        return list(GATEWAY_FEATURES)
    return [*MESH_FEATURES, *[feature for feature in GATEWAY_FEATURES if feature.startswith("HTTPRoute")]]


if __name__ == "__main__":
    sys.stdout.write(",".join(features(sys.argv[1])))
