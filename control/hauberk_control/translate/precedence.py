"""Which of several objects that say different things counts."""

import datetime as dt
import math
from typing import Final

from hauberk_core.resources import ObjectMeta

_YOUNGEST: Final = math.inf


def seniority(metadata: ObjectMeta) -> tuple[float, str, str]:
    """What to sort by: the older object first, then by namespace and name. One that does not say its age is the youngest."""
    return _age(metadata.creation_timestamp), metadata.namespace, metadata.name


def _age(created: str) -> float:
    try:
        time = dt.datetime.fromisoformat(created)
    except ValueError:
        return _YOUNGEST
    return time.timestamp() if time.tzinfo is not None else _YOUNGEST
