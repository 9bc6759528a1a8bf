"""Names whoever holds up a worker's loop: a thread of the worker that looks, now and then, whether the loop still moves.

The loop pays nothing for it: it knows for its own sake when a batch began, and a synchronous call of a plugin leaves the plugin's
name where the thread finds it. What else is at work is read from the frames of the main thread. Compiled code has none; what the
thread then sees is whoever called it.
"""

import sys
import threading
import time
import traceback
from collections.abc import Mapping
from types import FrameType
from typing import Final

from hauberk_core.agent.logs import LOG
from hauberk_core.net.loop import Loop
from hauberk_core.plugin.running import Running

# A call of a plugin for which every client waits so long: more than the slowest request of a quick service takes.
PLUGIN_SECONDS: Final = 0.1
# Of the proxy's own: a batch of hundreds of requests on a slow machine takes a part of it.
OWN_SECONDS: Final = 0.5
# Between two looks: what blocks for as long as above is seen within its second half.
LOOK_SECONDS: Final = 0.05
# A plugin that blocks with every request must not fill the log.
REPORT_SECONDS: Final = 1.0
# Enough to see what was called, and by whom.
_FRAMES: Final = 6


class Watchdog:
    """The thread, and what it looks at."""

    def __init__(self, loop: Loop, running: Running, blocked: Mapping[str, memoryview]) -> None:
        """Prepare, in the thread that the loop runs in. Args: blocked - a cell for each plugin, and one for the proxy, ""."""
        self._loop: Final = loop
        self._running: Final = running
        self._blocked: Final = blocked
        self._main: Final = threading.get_ident()
        self._awake: Final = threading.Event()
        self._due = 0.0
        self._counted = 0.0
        """When that began which was counted last."""
        self._used = 0.0
        """Seconds of processor that the process had used when the loop was last seen to move."""
        self._next_report = 0.0
        self._withheld = 0

    def start(self) -> None:
        """Begin to look, whenever there is anybody who might be held up."""
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def beat(self, due: float, is_idle: bool) -> None:
        """The main thread moves.

        Args: due - when it will say so again, by the loop's clock; is_idle - nobody is there to be held up.
        """
        self._due = due
        if is_idle:
            self._awake.clear()
        else:
            self._awake.set()

    def _watch(self) -> None:
        while True:
            self._awake.wait()
            time.sleep(LOOK_SECONDS)
            self.look()

    def look(self) -> None:
        """See whether the loop moves, and tell if it does not."""
        now = self._loop.clock.now()
        since = self._loop.now if self._loop.is_running() else self._due
        if since <= 0 or now - since < PLUGIN_SECONDS:
            self._used = time.process_time()
            return
        if since == self._counted:
            return
        frame = sys._current_frames().get(self._main)
        plugin = self._running.plugin or self._plugin_of(frame)
        if not plugin and (now - since < OWN_SECONDS or time.process_time() - self._used < OWN_SECONDS / 2):
            # The machine may have given the process no turn.
            return
        self._counted = since
        cell = self._blocked.get(plugin)
        if cell is not None:
            cell[0] += 1
        if now < self._next_report:
            self._withheld += 1
            return
        self._next_report = now + REPORT_SECONDS
        self._report(plugin, frame, now - since)

    def _report(self, plugin: str, frame: FrameType | None, seconds: float) -> None:
        method = self._running.method
        who = f"plugin {plugin}{f' in {method}' if method else ''}" if plugin else "the proxy itself"
        more = f" ({self._withheld} more since the last one shown)" if self._withheld else ""
        self._withheld = 0
        where = "" if frame is None else "".join(traceback.format_stack(frame)[-_FRAMES:]).rstrip()
        LOG.error("%s has held up the loop for %.0f ms, and nobody is served meanwhile%s\n%s", who, seconds * 1000, more, where)

    def _plugin_of(self, frame: FrameType | None) -> str:
        """The plugin whose package the innermost of its frames belongs to."""
        while frame is not None:
            package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
            plugin = self._running.packages.get(package)
            if plugin is not None:
                return plugin
            frame = frame.f_back
        return ""
