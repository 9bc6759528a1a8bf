"""Which mesh a command is about."""

from pathlib import Path
from typing import NamedTuple


class InCluster(NamedTuple):
    """The mesh in the cluster that kubectl is set up for."""

    revision: str
    """Of the control that is asked."""


WhichMesh = Path | InCluster | None
"""A folder of resources; None: that of HAUBERK_MESH, or the nearest one above."""
