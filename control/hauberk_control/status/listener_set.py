"""Conditions of ListenerSets."""

from hauberk_control.status.conditions import Status, fails, holds, joined
from hauberk_control.status.gateway import GatewayFacts
from hauberk_control.status.listeners import listener_statuses
from hauberk_control.status.rollout import PROGRAMMED
from hauberk_core.resources import ListenerSet


def refused_set(own: ListenerSet, reason: str, message: str) -> Status:
    """A set whose listeners are not looked at, because it does not belong to its Gateway."""
    generation = own.metadata.generation
    return Status(conditions=(fails("Accepted", reason, generation, message), fails(PROGRAMMED, reason, generation, message)))


def listener_set_status(own: ListenerSet, facts: GatewayFacts) -> Status:
    """A set that its Gateway, which is ours, lets attach."""
    generation = own.metadata.generation
    if facts.accepted.status != "True" and facts.accepted.reason != "ListenersNotValid":
        return refused_set(own, "ParentNotAccepted", "the Gateway is not accepted")
    states = facts.of(own)
    listeners = listener_statuses(states, facts.states, facts.attached, generation, facts.configured)
    troubled = [state.spec.name for state in states if state.troubles]
    message = f"listeners with trouble: {joined(troubled, ', ')}" if troubled else ""
    if not any(state.serves for state in states):
        return Status(conditions=refused_set(own, "ListenersNotValid", message).conditions, listeners=listeners)
    accepted = holds("Accepted", "ListenersNotValid" if troubled else "Accepted", generation, message)
    if facts.programmed.status == "True":
        programmed = holds(PROGRAMMED, "Programmed", generation)
    else:
        programmed = fails(PROGRAMMED, "ParentNotProgrammed", generation, "the Gateway is not programmed")
    return Status(conditions=(accepted, programmed), listeners=listeners)
