"""What the webhook counts, under Istio's names where it has one."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram

from hauberk_control.inject.review import Outcome

_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_BY_OUTCOME: Final[dict[Outcome, tuple[str, str]]] = {
    "injected": ("sidecar_injection_success_total", "Pods that became pods of the mesh."),
    "skipped": ("sidecar_injection_skip_total", "Pods that stayed as they were."),
    "refused": ("sidecar_injection_refused_total", "Pods that ask for something impossible."),
    "malformed": ("sidecar_injection_malformed_total", "Questions that are none."),
    "failed": ("sidecar_injection_failure_total", "Questions that could not be answered."),
}
_REQUESTS: Final = ("sidecar_injection_requests_total", "Questions about pods.")
_SECONDS: Final = ("sidecar_injection_time_seconds", "How long an answer took.")

METRICS: Final = (_REQUESTS, *_BY_OUTCOME.values(), _SECONDS)
"""Names, and what each counts."""


class WebhookMetrics:
    """Counters and times of one webhook."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register them."""
        self._requests: Final = Counter(*_REQUESTS, registry=registry)
        self._by_outcome: Final = {
            outcome: Counter(name, description, registry=registry) for outcome, (name, description) in _BY_OUTCOME.items()
        }
        self._seconds: Final = Histogram(*_SECONDS, buckets=_BUCKETS, registry=registry)

    def note(self, outcome: Outcome, seconds: float) -> None:
        """Count one question."""
        self._requests.inc()
        self._by_outcome[outcome].inc()
        self._seconds.observe(seconds)
