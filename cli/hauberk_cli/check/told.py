"""Names of objects that are not as they should be."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

_MOST_NAMED: Final = 5


def named(manifests: Sequence[Mapping[str, Any]], what: str) -> str:
    """Which objects are not as they should be; empty: none."""
    names = ["/".join(filter(None, (one["metadata"].get("namespace"), one["metadata"]["name"]))) for one in manifests]
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{what}: {', '.join(names[:_MOST_NAMED])}{more}" if names else ""
