"""Routing: which decision a request gets. Pure, and the same for traffic, for `explain` and for tests offline."""

from hauberk_core.http.events import Request
from hauberk_core.model.decision import Decision
from hauberk_core.route.compiled import CompiledMatch, CompiledTable
from hauberk_core.route.recorder import Recorder


def decide(request: Request, table: CompiledTable, dice: float, recorder: Recorder | None = None) -> Decision:
    """Choose the virtual host, then the first of its matches by precedence, then a backend by weight.

    Once a virtual host is chosen, a less specific one is not asked, even if no match takes the request.

    Args: dice - in [0, 1), picks the backend. recorder - is told how the decision came about.
    Returns: one of the table's shared decisions; nothing is made for the request.
    """
    winner: CompiledMatch | None = None
    virtual_host = table.everything
    if virtual_host is None:
        virtual_host = table.find(request.authority)
    if virtual_host is None:
        decision = table.no_host
    else:
        winner = virtual_host.find(request)
        if winner is None:
            decision = virtual_host.no_route
        elif dice < winner.first_share:
            decision = winner.decision
        else:
            decision = winner.share(dice)
    if recorder is not None:
        recorder.decided(request, table, virtual_host, winner, decision)
    return decision
