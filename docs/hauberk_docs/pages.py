"""Which pages there are."""

from hauberk_docs.alerts import alerts_page
from hauberk_docs.chart_values import chart_values_page
from hauberk_docs.commands import commands_page
from hauberk_docs.configuration import configuration_page
from hauberk_docs.injection import injection_page
from hauberk_docs.limits import limits_page
from hauberk_docs.metrics import metrics_page
from hauberk_docs.output import output_page
from hauberk_docs.reasons import reasons_page


def pages() -> dict[str, str]:
    """The text of every generated page, by its name in `docs/reference`."""
    return {
        "chart-values.md": chart_values_page(),
        "commands.md": commands_page(),
        "configuration.md": configuration_page(),
        "injection.md": injection_page(),
        "limits.md": limits_page(),
        "output.md": output_page(),
        "alerts.md": alerts_page(),
        "metrics.md": metrics_page(),
        "reasons.md": reasons_page(),
    }
