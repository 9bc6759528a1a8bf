"""What is counted where a worker comes to its limits."""

from typing import Final

from hauberk_core.observe.cells import Cells
from hauberk_core.observe.metrics import OVERLOAD, OVERLOAD_LIMIT, OVERLOAD_SHED, OVERLOAD_USED

RESOURCES: Final = ("connections", "streams", "memory", "loop_delay")


class OverloadMeters:
    """Counts by the resource that was short."""

    __slots__ = ("_views", "_workers")

    def __init__(self, cells: Cells) -> None:
        self._views: Final[dict[str, memoryview]] = {}
        self._workers: int = 1
        for resource in RESOURCES:
            self._views[resource] = cells.view(OVERLOAD, (resource,))

    def shared_by(self, workers: int) -> None:
        """So many workers look at the same memory; what they tell is added up."""
        self._workers = workers

    def shed(self, resource: str) -> None:
        """A request or a connection was refused for want of it."""
        self._views[resource][OVERLOAD_SHED] += 1

    def limits(self, connections: int, streams: int, memory: int, loop_delay: float) -> None:
        """What is allowed. Args: memory - octets; loop_delay - seconds."""
        self._tell(OVERLOAD_LIMIT, connections, streams, memory, loop_delay)

    def used(self, connections: int, streams: int, memory: int, loop_delay: float) -> None:
        """What is used of it now."""
        self._tell(OVERLOAD_USED, connections, streams, memory, loop_delay)

    def _tell(self, which: int, connections: int, streams: int, memory: int, loop_delay: float) -> None:
        views = self._views
        views["connections"][which] = connections
        views["streams"][which] = streams
        views["memory"][which] = memory // self._workers
        views["loop_delay"][which] = int(loop_delay * 1000000.0)
