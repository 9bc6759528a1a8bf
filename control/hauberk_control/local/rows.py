"""Conditions as rows for people."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from hauberk_control.discovery.status import ProxyStatus
from hauberk_control.local.messages import ConditionRow
from hauberk_control.status.conditions import Condition
from hauberk_control.status.statuses import view_statuses
from hauberk_control.store import ObjectKey
from hauberk_control.translate.view import View


def condition_rows(view: View, proxies: Sequence[ProxyStatus], folder: Path) -> list[ConditionRow]:
    """One row for each condition of each object, of each listener of a Gateway and of each parent of a route.

    Args: folder - what places are told relative to.
    """
    rows: list[ConditionRow] = []
    for key, status in sorted(view_statuses(view, proxies).items()):
        at = view.store.objects[key].place
        place = str(at._replace(file=shown_file(at.file, folder)))
        rows += _rows(key, place, "", status.conditions)
        for listener in status.listeners:
            rows += _rows(key, place, listener.name, listener.conditions)
        for parent in status.parents:
            rows += _rows(key, place, parent.parent_ref.name, parent.conditions)
    return rows


def shown_file(file: str, folder: Path) -> str:
    """A file as a person is told who knows which folder is meant; what is not in it stays as it is."""
    return file.removeprefix(f"{folder}{os.sep}")


def _rows(key: ObjectKey, place: str, part: str, conditions: Iterable[Condition]) -> list[ConditionRow]:
    return [
        ConditionRow(
            kind=key.kind,
            namespace=key.namespace,
            name=key.name,
            place=place,
            part=part,
            type=condition.type,
            status=condition.status,
            reason=condition.reason,
            message=condition.message,
        )
        for condition in conditions
    ]
