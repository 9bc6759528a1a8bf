"""Conditions of listeners, those of Gateways and those of ListenerSets."""

from collections.abc import Mapping, Sequence

import msgspec

from hauberk_control.status.conditions import Condition, ListenerStatus, fails, holds, joined
from hauberk_control.status.overlap import Overlaps
from hauberk_control.status.rollout import PROGRAMMED
from hauberk_control.translate.gateway_listener import ListenerState
from hauberk_core.resources.gateway_api.gateway import RouteGroupKind


def listener_statuses(
    own: Sequence[ListenerState],
    others: Sequence[ListenerState],
    attached: Mapping[str, int],
    generation: int,
    programmed: Condition,
) -> tuple[ListenerStatus, ...]:
    """How some listeners of one object stand.

    Args: others - all of the Gateway's, these among them; attached - the number of routes at each, by its name among all;
        generation - of the object; programmed - whether the Gateway's proxies have what they should.
    """
    overlaps = Overlaps(others)
    return tuple(
        [
            ListenerStatus(
                name=state.spec.name,
                supported_kinds=tuple([RouteGroupKind(kind=kind) for kind in state.kinds]),
                attached_routes=attached.get(state.name, 0),
                conditions=tuple(_conditions(state, overlaps, generation, programmed)),
            )
            for state in own
        ]
    )


def _conditions(state: ListenerState, overlaps: Overlaps, generation: int, programmed: Condition) -> list[Condition]:
    conflict, refused, unresolved = [
        [trouble for trouble in state.troubles if trouble.aspect == aspect]
        for aspect in ("Conflicted", "Accepted", "ResolvedRefs")
    ]
    conditions: list[Condition] = []
    if conflict or refused:
        # A listener that conflicts is refused for that very reason.
        first, *_ = [*conflict, *refused]
        conditions.append(fails("Accepted", first.reason, generation, first.message))
    else:
        conditions.append(holds("Accepted", "Accepted", generation))
    if conflict:
        conditions.append(holds("Conflicted", conflict[0].reason, generation, conflict[0].message))
    else:
        conditions.append(fails("Conflicted", "NoConflicts", generation, ""))
    if unresolved:
        message = joined([f"{trouble.message}: {trouble.hint}" for trouble in unresolved])
        conditions.append(fails("ResolvedRefs", unresolved[0].reason, generation, message))
    else:
        conditions.append(holds("ResolvedRefs", "ResolvedRefs", generation))
    overlap = overlaps.of(state)
    if overlap is not None:
        conditions.append(holds("OverlappingTLSConfig", overlap.reason, generation, overlap.message))
    if state.serves:
        conditions.append(msgspec.structs.replace(programmed, observed_generation=generation))
    else:
        reason = conflict[0].reason if conflict else "Invalid"
        conditions.append(fails(PROGRAMMED, reason, generation, "see the other conditions"))
    return conditions
