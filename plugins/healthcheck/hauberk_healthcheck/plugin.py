"""Registers the data half of health checks: the entry point `healthcheck` of the group `hauberk.data`."""

from typing import Final

from hauberk_core.plugin.data import Guard, Services, hookimpl
from hauberk_healthcheck.config import read_rules
from hauberk_healthcheck.data import Checked, make_guard

HAUBERK_API: Final = "1"


@hookimpl
def hauberk_upstream_guard(config: dict[str, object], cluster: str, services: Services) -> Guard:
    """The guard of a cluster. Raises: ValueError for a configuration that is wrong."""
    checked: Checked = services.state("checked", Checked)
    return make_guard(read_rules(config), cluster, checked, services)
