"""What becomes of the copies of requests that go to one cluster."""

from typing import Final

from hauberk_core.observe.cells import Cells
from hauberk_core.observe.metrics import MIRRORED

REFUSED: Final = "refused"
FAILED: Final = "failed"
GIVEN_UP: Final = "given_up"
RESULTS: Final = ("2xx", "3xx", "4xx", "5xx", REFUSED, FAILED, GIVEN_UP)


class MirrorMeters:
    """Counts each copy once."""

    __slots__ = ("_views",)

    def __init__(self, cells: Cells, cluster: str) -> None:
        self._views: Final = {result: cells.view(MIRRORED, (cluster, result)) for result in RESULTS}

    def answered(self, status: int) -> None:
        """The head of an answer has come. Args: status - a final one; what is above 599 counts as 5xx."""
        if status < 300:
            self._views["2xx"][0] += 1
        elif status < 400:
            self._views["3xx"][0] += 1
        elif status < 500:
            self._views["4xx"][0] += 1
        else:
            self._views["5xx"][0] += 1

    def refused(self) -> None:
        """There was no connection to be had for it."""
        self._views[REFUSED][0] += 1

    def failed(self) -> None:
        """Its endpoint did not answer: the connection broke, or it took too long."""
        self._views[FAILED][0] += 1

    def given_up(self) -> None:
        """It was left before it was answered: the mirror does not keep up, or the rest of the request never came."""
        self._views[GIVEN_UP][0] += 1
