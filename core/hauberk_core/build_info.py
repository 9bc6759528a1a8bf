"""What this installation is: its version, and whether its hot modules are compiled."""

import importlib.util
from typing import Final

# The only place where the version is written; the build reads it from here.
_VERSION: Final = "0.1.0"

# The hot modules are compiled as one group or not at all, so one of them tells for all.
_WITNESS: Final = "hauberk_core.http.headers"


def version() -> str:
    """The version of hauberk, as PEP 440 writes it."""
    return _VERSION


def compiled() -> bool:
    """Whether the hot modules are machine code (a released wheel) rather than plain Python (a checkout).

    Raises: ModuleNotFoundError if the installation is damaged and the module that tells is missing.
    """
    spec = importlib.util.find_spec(_WITNESS)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{_WITNESS} is missing: install hauberk again", name=_WITNESS)
    return not spec.origin.endswith(".py")
