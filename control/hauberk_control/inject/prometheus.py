"""The pod's `prometheus.io` annotations: they lead to the proxy, which is told where the application shows its own metrics.

Prometheus has no identity in the mesh: under STRICT its connection to a captured port would be reset, and the application's
metrics would be gone.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from hauberk_core.pod import METRICS_PATH, METRICS_PORT

_SCRAPE: Final = "prometheus.io/scrape"
_PORT: Final = "prometheus.io/port"
_PATH: Final = "prometheus.io/path"
_DEFAULT_PORT: Final = "80"
_DEFAULT_PATH: Final = "/metrics"


class Scrape(NamedTuple):
    """Annotations to set, and where the application shows metrics, if it does."""

    annotations: dict[str, str]
    application: dict[str, str] | None


def lead_to_proxy(annotations: Mapping[str, str]) -> Scrape | None:
    """What becomes of a pod's annotations; None where they stay: they lead to the proxy already, or nobody is to scrape."""
    scrape = annotations.get(_SCRAPE)
    if scrape == "false" or annotations.get(_PORT) == str(METRICS_PORT):
        return None
    application = None
    if scrape is not None:
        application = {
            "port": annotations.get(_PORT) or _DEFAULT_PORT,
            "path": annotations.get(_PATH) or _DEFAULT_PATH,
        }
    ours = {_SCRAPE: "true", _PORT: str(METRICS_PORT), _PATH: METRICS_PATH}
    return Scrape(ours, application)
