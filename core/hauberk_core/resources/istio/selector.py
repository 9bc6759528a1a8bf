"""How Istio's kinds select workloads."""

import msgspec

from hauberk_core.resources.names import Labels
from hauberk_core.resources.part import Part


class WorkloadSelector(Part, frozen=True, kw_only=True):
    """Labels that a workload must have."""

    match_labels: Labels = msgspec.field(default_factory=dict)

    def matches(self, labels: dict[str, str]) -> bool:
        """Whether a workload with these labels is selected."""
        return all(labels.get(key) == value for key, value in self.match_labels.items())
