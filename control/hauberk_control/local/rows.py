"""Objects, conditions and proxies as rows for people."""

import datetime as dt
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from hauberk_control.ca.roots import Root
from hauberk_control.discovery.status import ProxyStatus
from hauberk_control.local.messages import (
    AbsentProxy,
    ConditionRow,
    FileProblem,
    ObjectRow,
    ProxyRow,
    RefusalRow,
    RegisterWorkload,
    Rotated,
)
from hauberk_control.status.conditions import Condition, Status
from hauberk_control.store import ObjectKey, Place, Store
from hauberk_core.agent.logs import LOG
from hauberk_core.model.errors import ConfigError
from hauberk_core.resources import Gateway


def condition_rows(store: Store, statuses: Mapping[ObjectKey, Status], folder: Path) -> list[ConditionRow]:
    """One row for each condition of each object, of each of its listeners, of each parent of a route and ancestor of a policy.

    Args: statuses - of objects in the store; folder - what places are told relative to.
    """
    rows: list[ConditionRow] = []
    for key, status in sorted(statuses.items()):
        # What was never right is not in the store, and yet has a status.
        found = store.objects.get(key)
        place = "" if found is None else _shown_place(found.place, folder)
        rows += _rows(key, place, "", status.conditions)
        for listener in status.listeners:
            rows += _rows(key, place, listener.name, listener.conditions)
        for parent in status.parents:
            rows += _rows(key, place, parent.parent_ref.name, parent.conditions)
        for ancestor in status.ancestors:
            rows += _rows(key, place, ancestor.ancestor_ref.name, ancestor.conditions)
    return rows


def object_rows(store: Store, folder: Path) -> list[ObjectRow]:
    """One row for each object. Args: folder - what places are told relative to."""
    return [
        ObjectRow(kind=key.kind, namespace=key.namespace, name=key.name, place=_shown_place(item.place, folder))
        for key, item in sorted(store.objects.items(), key=lambda pair: (pair[0].kind, pair[0].namespace, pair[0].name))
    ]


def file_problems(errors: Iterable[ConfigError], folder: Path) -> list[FileProblem]:
    """What of the files is not in force because of a mistake. Args: folder - what files are told relative to."""
    wrong = [error for error in errors if error.severity == "error"]
    shown = [msgspec.structs.replace(error, origin=shown_file(error.origin, folder)) for error in wrong]
    return [FileProblem(file=error.origin, text=str(error)) for error in shown]


def absent_proxies(
    gateways: Iterable[Gateway], workloads: Iterable[RegisterWorkload], proxies: Iterable[ProxyStatus]
) -> list[AbsentProxy]:
    """Which Gateways and workloads have no connected proxy."""
    connected = {(proxy.role, proxy.namespace, proxy.name) for proxy in proxies}
    absent: list[AbsentProxy] = []
    for gateway in gateways:
        name = f"{gateway.metadata.namespace}/{gateway.metadata.name}"
        if ("gateway", gateway.metadata.namespace, name) not in connected:
            absent.append(AbsentProxy(role="gateway", name=name))
    for workload in workloads:
        if ("sidecar", workload.namespace, workload.name) not in connected:
            absent.append(AbsentProxy(role="sidecar", name=f"{workload.namespace}/{workload.name}"))
    return absent


def proxy_rows(proxies: Sequence[ProxyStatus], now: float) -> list[ProxyRow]:
    """One row for each connected proxy. Args: now - seconds since the epoch."""
    return [
        ProxyRow(
            identity=proxy.identity,
            role=proxy.role,
            name=proxy.name,
            namespace=proxy.namespace,
            program=proxy.program,
            plugins=proxy.plugins,
            version=proxy.version,
            current=proxy.current,
            behind_seconds=proxy.behind_seconds,
            in_force_seconds=max(0.0, now - proxy.in_force_since) if proxy.in_force_since else None,
            connected_seconds=max(0.0, now - proxy.connected_since),
            last_refusal=_refusal_row(proxy, now),
        )
        for proxy in proxies
    ]


def rotated(root: Root, overlap: dt.timedelta) -> Rotated:
    """What was begun by announcing a root. Args: overlap - from then until it signs."""
    seconds = overlap.total_seconds()
    LOG.info("another root is announced, %s; it signs in %.0f s", root.path.name, seconds)
    return Rotated(name=root.path.name, signs_after_seconds=seconds, drops_after_seconds=2 * seconds)


def _refusal_row(proxy: ProxyStatus, now: float) -> RefusalRow | None:
    refusal = proxy.last_refusal
    if refusal is None:
        return None
    return RefusalRow(
        version=refusal.version,
        reason=refusal.reason,
        seconds_ago=max(0.0, now - refusal.at),
        settled=not proxy.refused_version,
    )


def _shown_place(place: Place, folder: Path) -> str:
    return str(place._replace(file=shown_file(place.file, folder)))


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
