"""The requests for a service, divided among the versions of its workloads: a cluster for each, told apart by a label."""

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from hauberk_control.translate.weights import whole_weights
from hauberk_core.resources import DestinationRule


class Versions(NamedTuple):
    """Who gets how much."""

    weights: tuple[tuple[str, int], ...]
    """By version, in their order; not all 0."""
    label: str
    """By which workloads tell their version."""

    def subset(self, version: str, rule: DestinationRule | None) -> str:
        """The subset that a version's cluster is called after, and whose settings it has: the rule's own where it has these
        workloads, else one of the version's name."""
        subsets = rule.spec.subsets if rule else ()
        for own in subsets:
            if dict(own.labels) == {self.label: version}:
                return own.name
        return f"{self.label}~{version}" if any(own.name == version for own in subsets) else version


def divided(weights: Sequence[tuple[int, Sequence[tuple[str, int]]]]) -> tuple[tuple[str, int], ...]:
    """The share of each cluster in whole numbers.

    Args: weights - for each version its weight, and its clusters with what their endpoints weigh together: one cluster, or two
        where some of the endpoints take the mesh's TLS and some do not.
    """
    shares: list[tuple[str, Fraction | int]] = []
    for weight, clusters in weights:
        total = sum([part for _, part in clusters])
        if len(clusters) == 1 or not total:
            shares.append((clusters[0][0], weight))
        else:
            shares.extend([(name, Fraction(weight * part, total)) for name, part in clusters])
    whole = whole_weights([share for _, share in shares])
    return tuple([(name, share) for (name, _), share in zip(shares, whole, strict=True)])
