"""The alerts that an installation may bring."""

from typing import Final

from hauberk_cli.install.monitoring.alerts import ALERTS
from hauberk_docs.markdown import code, page, table

_BEFORE: Final = """
What `monitoring.alerts` brings: [Watch a mesh with Prometheus and Grafana](../how-to/watch-with-prometheus.md). An alert is
raised when its expression has held for some minutes.
"""


def alerts_page() -> str:
    """The page, from the rules themselves."""
    rows = [(code(one.name), one.severity, code(one.expression), str(one.minutes), one.action) for one in ALERTS]
    return page("Alerts", _BEFORE, table(("alert", "severity", "expression", "minutes", "what to do"), rows))
