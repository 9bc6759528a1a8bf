"""Whether the pod's connections are led to this proxy: it dials itself through both rules before it calls itself ready.

Nobody listens at the addresses that it dials. Only the rules lead from there to the proxy's listeners, and only a configuration
of the mesh from there back to the agent.
"""

from typing import Final

import trio

from hauberk_core.agent.logs import LOG
from hauberk_core.agent.pod.dial import Target
from hauberk_core.agent.pod.http_get import HttpGetError, http_get
from hauberk_core.agent.state import Check
from hauberk_core.pod import INBOUND_PROBE, OUTBOUND_PROBE, READY_PORT, REDIRECT_PROBE_PORT

PATH: Final = "/redirected"
"""What the agent asks itself for."""
_ROADS: Final = {"outbound": OUTBOUND_PROBE, "inbound": INBOUND_PROBE}
# The proxy answers within a millisecond; the rest is for a machine that is busy.
_ANSWER_SECONDS: Final = 2.0
_AGAIN_SECONDS: Final = 0.1
_REMIND_SECONDS: Final = 30.0


class Redirects:
    """Tries both roads until each has led here once."""

    def __init__(self) -> None:
        self._open: Final[dict[str, bool]] = dict.fromkeys(_ROADS, False)

    def checks(self) -> list[Check]:
        """How they stand."""
        return [
            Check(
                f"{name} capture",
                is_open,
                "leads here"
                if is_open
                else f"connections to {_ROADS[name]} port {REDIRECT_PROBE_PORT} do not lead here (yet): "
                "the capture rules are missing, or there is no configuration; see the log of hauberk-init",
            )
            for name, is_open in self._open.items()
        ]

    async def run(self) -> None:
        """Try, again and again, until both have led here."""
        reminded = trio.current_time()
        while not all(self._open.values()):
            for name, address in _ROADS.items():
                self._open[name] = self._open[name] or await _leads_here(address)
            if trio.current_time() - reminded > _REMIND_SECONDS:
                reminded = trio.current_time()
                closed = " and ".join([name for name, is_open in self._open.items() if not is_open])
                LOG.warning("%s connections of this pod do not lead to this proxy, which therefore is not ready", closed)
            await trio.sleep(_AGAIN_SECONDS)
        LOG.info("connections of this pod lead to this proxy, on both roads")


async def _leads_here(address: str) -> bool:
    target = Target(address, REDIRECT_PROBE_PORT, is_led=True)
    with trio.move_on_after(_ANSWER_SECONDS):
        try:
            answer = await http_get(target, PATH, {"host": f"{address}:{READY_PORT}"})
        except (OSError, trio.BrokenResourceError, HttpGetError):
            return False
        return answer.status == 200
    return False
