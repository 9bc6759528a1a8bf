"""Pods that started while the link was not in the chain: their proxies wait for capture, and get it here.

That happens where whoever made the node's network writes its configuration anew, at a boot of the node for example, and before
the agent runs on a node for the first time.
"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import trio

from hauberk_core.agent.logs import LOG
from hauberk_core.pod import CAPTURE_ANNOTATION
from hauberk_sidecar.cni.api_server import ApiUnavailable
from hauberk_sidecar.cni.networks import first_processes, open_network
from hauberk_sidecar.cni.pods import Pod
from hauberk_sidecar.cni.set_up import CaptureFailed, asked_capture, is_captured, set_up_capture

# A pod that is just being made has no network yet. Between looks the API server rests, longer each time.
_FIRST_PAUSE_SECONDS: Final = 1.0
_LONGEST_PAUSE_SECONDS: Final = 30.0


class Repairs:
    """Looks at the node's pods when it is told to, until each has the capture that it asks for."""

    def __init__(self, list_pods: Callable[[], Iterable[Pod]], proc: Path) -> None:
        """Prepare. Args: list_pods - of this node; blocks; raises ApiUnavailable; proc - the node's /proc."""
        self._list_pods: Final = list_pods
        self._proc: Final = proc
        self._needed = trio.Event()
        self._settled: frozenset[str] = frozenset()
        """Pods that are captured, or cannot be, as far as they are known here."""

    def look(self) -> None:
        """Look soon: pods may have started without the link."""
        self._needed.set()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await self._needed.wait()
            self._needed = trio.Event()
            pause = _FIRST_PAUSE_SECONDS
            while not await self._look():
                with trio.move_on_after(pause):
                    await self._needed.wait()
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    async def _look(self) -> bool:
        """Returns: whether every pod of now is settled."""
        try:
            pods = await trio.to_thread.run_sync(lambda: list(self._list_pods()), abandon_on_cancel=True)
            asking = {pod.uid: pod for pod in pods if pod.runs and CAPTURE_ANNOTATION in pod.annotations}
            self._settled &= frozenset(asking)
            open_ones = [pod for uid, pod in asking.items() if uid not in self._settled]
            processes = await trio.to_thread.run_sync(first_processes, self._proc, [pod.uid for pod in open_ones])
        except ApiUnavailable as error:
            LOG.warning("pods that may have started without capture cannot be looked for: %s", error)
            return False
        for pod in open_ones:
            if pod.uid in processes:
                await self._settle(pod, processes[pod.uid])
        return self._settled >= frozenset(asking)

    async def _settle(self, pod: Pod, process: int) -> None:
        try:
            arguments = asked_capture(pod)
        except CaptureFailed as error:
            LOG.warning("capture is not repaired in pod %s: %s", pod, error)
            self._settled |= {pod.uid}  # the same annotation says the same the next time
            return
        network: int | None = None
        try:
            network = open_network(self._proc, process, pod.uid)
            if network is None or arguments is None:
                return
            if not await is_captured(network):
                await set_up_capture(network, arguments)
                LOG.info("capture is repaired in pod %s, which started without", pod)
            self._settled |= {pod.uid}
        except (CaptureFailed, OSError) as error:
            LOG.warning("capture is not repaired in pod %s: %s", pod, error)
        finally:
            if network is not None:
                os.close(network)
