"""Registers the data half of circuit breaking: the entry point `circuitbreaker` of the group `hauberk.data`."""

from typing import Final

from hauberk_circuitbreaker.config import read_rules
from hauberk_circuitbreaker.data import Circuits, make_guard
from hauberk_core.plugin.data import Guard, Services, hookimpl

HAUBERK_API: Final = "1"


@hookimpl
def hauberk_upstream_guard(config: dict[str, object], cluster: str, services: Services) -> Guard:
    """The guard of a cluster. Raises: ValueError for a configuration that is wrong."""
    circuits: Circuits = services.state("circuits", dict)
    return make_guard(read_rules(config), cluster, circuits, services)
