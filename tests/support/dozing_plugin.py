"""A stranger's plugin that holds up a worker's loop with every request."""

from pathlib import Path
from typing import Final

_SOURCE: Final = """
import time

from hauberk_core.plugin.data import AsyncFilter, Exchange, Reply, Services, SyncFilter, hookimpl

HAUBERK_API = "1"


class Dozing(SyncFilter):
    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def request(self, exchange: Exchange) -> Reply | None:
        time.sleep(self._seconds)
        return None


class DozingInATask(AsyncFilter):
    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def request(self, exchange: Exchange) -> Reply | None:
        time.sleep(self._seconds)
        return None


@hookimpl
def hauberk_request_filter(config: dict, services: Services) -> object:
    return (DozingInATask if config.get("task") else Dozing)(config["seconds"])
"""


def install_dozing(folder: Path) -> None:
    """Lay the package `dozing` out as an installer would, for a proxy that has `folder` on its path.

    Its configuration: `seconds`, for so long; `task`, whether in a task of its own.
    """
    (folder / "dozing.py").write_text(_SOURCE)
    about = folder / "dozing-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: dozing\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[hauberk.data]\ndozing = dozing\n")
