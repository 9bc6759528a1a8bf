"""Endpoints of a cluster, for tests of what chooses among them."""

from hauberk_core.upstream.endpoint import UpstreamEndpoint


def endpoints(*weights: int) -> list[UpstreamEndpoint]:
    """One for each weight; their ports count from 1."""
    made = [UpstreamEndpoint("127.0.0.1", number, f"127.0.0.1:{number}", "") for number in range(1, len(weights) + 1)]
    for endpoint, weight in zip(made, weights, strict=True):
        endpoint.weight = weight
    return made
