"""One of the figures that a proxy's admin server shows."""

import re

from kept_proxy import admin_page


def metric(admin: int, name: str) -> float:
    """The sum of the samples of this name, labels and all, on the admin server's port; 0 where there are none."""
    text = admin_page(admin, "/stats/prometheus")
    return sum(float(value) for value in re.findall(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE))
