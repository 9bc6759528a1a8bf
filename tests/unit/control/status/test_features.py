"""What is claimed to be supported, as Gateway API wants it told."""

import pytest

from hauberk_control.status.features import GATEWAY_FEATURES, MESH_FEATURES

MOST = 64
"""So many the API has room for in a GatewayClass."""


@pytest.mark.parametrize("features", [GATEWAY_FEATURES, MESH_FEATURES])
def test_features_are_in_order_and_not_too_many(features: tuple[str, ...]) -> None:
    assert list(features) == sorted(set(features))
    assert len(features) <= MOST


def test_the_mesh_has_its_own() -> None:
    # The suite does not count a feature of the mesh that a GatewayClass claims.
    assert all(feature.startswith("Mesh") for feature in MESH_FEATURES)
    assert not any(feature.startswith("Mesh") for feature in GATEWAY_FEATURES)
