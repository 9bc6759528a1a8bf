"""A worker's access log: follows the configuration, and the file when it is rotated."""

import os
from typing import Final

import trio

from hauberk_core.model.snapshot import AccessLog
from hauberk_core.observe.access_log import AccessLogWriter
from hauberk_core.observe.json_line import JsonLine
from hauberk_core.observe.meters import ProxyMeters
from hauberk_core.observe.text_line import TextLine
from hauberk_core.proxy.core import ProxyCore

# For the last lines of a log that does not take them at once, and how often they are offered.
_LAST_LINES_SECONDS: Final = 0.5
_OFFER_SECONDS: Final = 0.02


class WorkerLog:
    """Owns the descriptor that the agent hands over, and has the proxy write to it."""

    def __init__(self, core: ProxyCore, meters: ProxyMeters) -> None:
        self._core: Final = core
        self._meters: Final = meters
        self._config: AccessLog | None = None
        self._descriptor = -1
        self._writer: AccessLogWriter | None = None

    def follow(self, config: AccessLog | None, descriptor: int) -> None:
        """Log as `config` says from now on; None: not at all. Args: descriptor - of another file than before; -1: of the same."""
        if config is self._config and descriptor < 0:
            return
        before = self._descriptor
        if descriptor >= 0 or config is None:
            self._descriptor = descriptor
        if self._writer is not None:
            self._writer.flush()
        self._writer = None
        if config is not None:
            self._writer = AccessLogWriter(self._descriptor, JsonLine() if config.format == "json" else TextLine())
        self._config = config
        self._core.set_access_log(self._writer)
        if before not in {-1, self._descriptor}:
            os.close(before)

    def flush(self) -> None:
        """Write the lines that were gathered, as far as the log takes them, and count those that are lost."""
        if self._writer is not None:
            self._writer.flush()
            self._meters.access_log_dropped(self._writer.statistics().dropped)

    async def finish(self) -> None:
        """Offer the last lines for a moment. Cancellation: loses those that were not taken."""
        if self._writer is None:
            return
        with trio.move_on_after(_LAST_LINES_SECONDS):
            self._writer.flush()
            while self._writer.statistics().pending_bytes:
                await trio.sleep(_OFFER_SECONDS)
                self._writer.flush()
