"""The end of the demo."""

from typing import Final

from hauberk_cli.demo.checks.outcome import Outcome
from hauberk_cli.demo.descendants import descendants, is_running
from hauberk_cli.demo.ports import is_free
from hauberk_cli.demo.running import RunningDemo
from hauberk_cli.demo.waiting import wait_until

END_SECONDS: Final = 30.0


def processes_of(demo: RunningDemo) -> set[int]:
    """The ids of every process of the demo at this moment."""
    return {process for group in demo.minder.groups for process in (group, *descendants(group))}


async def check_nothing_left(demo: RunningDemo, processes: set[int], keep: bool) -> Outcome:
    """After the end, no process, port or file is left."""
    await wait_until(lambda: not any(map(is_running, processes)), END_SECONDS)
    running = [process for process in processes if is_running(process)]
    ports = demo.ports()
    taken = [port for port in ports if not is_free(port)]
    folder = "folder kept" if keep else "folder left" if demo.folder.root.exists() else "folder gone"
    passed = not running and not taken and folder != "folder left"
    figures = f"{len(running)} of {len(processes)} processes, {len(taken)} of {len(ports)} ports left, {folder}"
    return Outcome("nothing is left after the end", passed, figures)
