"""What plugins are installed, without loading any: all that the agent has to know of them."""

import os
from collections.abc import Mapping
from typing import Final

DATA: Final = "hauberk.data"
"""The entry-point group of data halves."""
CONTROL: Final = "hauberk.control"
"""The entry-point group of control halves."""
OFF_VARIABLE: Final = "HAUBERK_PLUGINS_OFF"
"""Names of plugins that are switched off, separated by commas; `*`: all. Inherited by workers."""


def switched_off(environment: Mapping[str, str] = os.environ) -> frozenset[str]:
    """The names that the environment switches off."""
    return frozenset([name.strip() for name in environment.get(OFF_VARIABLE, "").split(",") if name.strip()])
