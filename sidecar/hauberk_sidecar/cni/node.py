"""The agent of one node: keeps the link in the chain, and sets up capture in the pods that ask for it."""

import os
from collections.abc import Callable, Iterable
from importlib.resources import files
from pathlib import Path
from typing import Final, NamedTuple

import trio

from hauberk_core.agent.file_watch import FileWatch
from hauberk_core.agent.logs import LOG
from hauberk_sidecar.cni.api_server import ApiUnavailable
from hauberk_sidecar.cni.chain import PLUGIN, ChainError, add_link, find_chain, remove_link
from hauberk_sidecar.cni.pods import Pod
from hauberk_sidecar.cni.repair import Repairs
from hauberk_sidecar.cni.requests import TRY_AGAIN, BadRequest, Request, Requests
from hauberk_sidecar.cni.set_up import CaptureFailed, asked_capture, set_up_capture

# A node starts some pods at a time; each costs two processes for a fifth of a second.
_AT_ONCE: Final = 8
# Then the script is told to try later, before it gives up by itself.
_PATIENCE_SECONDS: Final = 20.0
_PAUSE_SECONDS: Final = 0.5
# The kubelet's patience with a pod that is to end is ten seconds.
_LAST_WORD_SECONDS: Final = 6.0
READY_FILE: Final = "ready"
"""In the folder of requests while the link is in the chain."""


class NodeFolders(NamedTuple):
    """The node's folders, as this process sees them."""

    configuration: Path
    """Of the chain: `/etc/cni/net.d` on most nodes."""
    programs: Path
    """Of the plugins: `/opt/cni/bin` on most nodes."""
    run: Path
    """Of requests; the node has it under the same path."""
    proc: Path
    """Of processes."""


class ClusterView(NamedTuple):
    """What the agent asks the API server. Each blocks for seconds at most, and raises ApiUnavailable."""

    get_pod: Callable[[str, str], Pod | None]
    """By namespace and name."""
    pods_here: Callable[[], Iterable[Pod]]
    """Those of this node."""
    is_removed: Callable[[], bool]
    """Whether no agent follows this one."""


class NodeAgent:
    """Works until cancelled. Then it takes the link out again, if no agent follows it.

    If one does, pods that start meanwhile wait for it: none runs without the capture that it asks for.
    """

    def __init__(self, folders: NodeFolders, never: tuple[str, ...], cluster: ClusterView) -> None:
        """Prepare. Args: never - namespaces whose pods are left alone."""
        self._folders: Final = folders
        self._never: Final = never
        self._cluster: Final = cluster
        self._repairs: Final = Repairs(cluster.pods_here, folders.proc)
        self._requests: Final = Requests(folders.run)
        self._ready_file: Final = folders.run / READY_FILE
        self._at_work: Final[set[str]] = set()
        self._limit: Final = trio.CapacityLimiter(_AT_ONCE)
        self._problem = ""

    async def run(self, *, task_status: "trio.TaskStatus[None]" = trio.TASK_STATUS_IGNORED) -> None:
        """Started once the node's next pod would ask. To be prepared before."""
        try:
            async with trio.open_nursery() as nursery:
                await nursery.start(self._serve, nursery)
                await nursery.start(self._keep_link)
                nursery.start_soon(self._repairs.run)
                self._repairs.look()
                task_status.started()
        finally:
            self._ready_file.unlink(missing_ok=True)
            if await self._is_last():
                self._uninstall()
            else:
                LOG.info("the link %s stays in the node's chain of plugins: pods that start now wait for the next agent", PLUGIN)

    def prepare(self) -> None:
        """Write the script, and make the folders where it asks. Raises: OSError: the node's folders cannot be written."""
        self._requests.prepare()
        self._ready_file.unlink(missing_ok=True)
        text = (files("hauberk_sidecar.cni") / "plugin.sh").read_text()
        text = text.replace("@RUN_FOLDER@", str(self._folders.run)).replace("@NEVER@", " ".join(self._never))
        aside = self._folders.programs / f".{PLUGIN}.new"
        aside.write_text(text)
        aside.chmod(0o755)
        # A program that runs cannot be written, but it can be replaced.
        os.replace(aside, self._folders.programs / PLUGIN)  # noqa: PTH105 - one call, atomic

    async def _is_last(self) -> bool:
        with trio.move_on_after(_LAST_WORD_SECONDS, shield=True):
            while True:
                try:
                    return await trio.to_thread.run_sync(self._cluster.is_removed, abandon_on_cancel=True)
                except ApiUnavailable as error:
                    LOG.warning("it is not known whether an agent follows this one: %s", error)
                await trio.sleep(_PAUSE_SECONDS)
        return False

    def _uninstall(self) -> None:
        """Pods that start from now on do without: their proxies find out, and are not ready."""
        try:
            if remove_link(find_chain(self._folders.configuration)):
                LOG.info("the link %s is out of the node's chain of plugins", PLUGIN)
        except ChainError as error:
            LOG.warning("the link %s stays in the node's chain of plugins: %s", PLUGIN, error)

    async def _keep_link(self, *, task_status: "trio.TaskStatus[None]") -> None:
        """Whoever made the network may write its configuration anew at any time, without us."""
        watch = FileWatch()
        try:
            watch.follow((), (self._folders.configuration,))
            self._add_link()
            task_status.started()
            while True:
                await watch.wait_change()
                self._add_link()
        finally:
            watch.close()

    def _add_link(self) -> None:
        try:
            chain = find_chain(self._folders.configuration)
            if add_link(chain):
                LOG.info("the link %s is in the node's chain of plugins, %s", PLUGIN, chain)
                self._repairs.look()
            self._ready_file.touch()
            self._problem = ""
        except ChainError as error:
            self._ready_file.unlink(missing_ok=True)
            if str(error) != self._problem:
                self._problem = str(error)
                LOG.warning("pods of this node start without capture: %s", error)

    async def _serve(self, nursery: trio.Nursery, *, task_status: "trio.TaskStatus[None]") -> None:
        watch = FileWatch()
        try:
            watch.follow((), (self._requests.asked,))
            self._take_requests(nursery)
            task_status.started()
            while True:
                await watch.wait_change()
                self._take_requests(nursery)
        finally:
            watch.close()

    def _take_requests(self, nursery: trio.Nursery) -> None:
        for name in self._requests.names():
            if name not in self._at_work:
                self._at_work.add(name)
                nursery.start_soon(self._handle, name)

    async def _handle(self, name: str) -> None:
        try:
            async with self._limit:
                await self._do(name)
        finally:
            self._at_work.discard(name)

    async def _do(self, name: str) -> None:
        try:
            request = self._requests.read(name)
        except BadRequest as error:
            LOG.warning("a request is dropped: %s", error)
            self._requests.forget(name)
            return
        if request is None:
            return
        try:
            pod = await self._find_pod(request)
            arguments = asked_capture(pod)
            if arguments is not None:
                await set_up_capture(request.network, arguments)
                LOG.info("capture is set up for pod %s", pod)
        except CaptureFailed as error:
            LOG.warning("capture is not set up for pod %s/%s: %s", request.namespace, request.pod, error)
            self._requests.answer(name, str(error), error.code)
        else:
            self._requests.answer(name)

    async def _find_pod(self, request: Request) -> Pod:
        problem = ""
        with trio.move_on_after(_PATIENCE_SECONDS):
            while True:
                try:
                    pod = await trio.to_thread.run_sync(
                        self._cluster.get_pod, request.namespace, request.pod, abandon_on_cancel=True
                    )
                except ApiUnavailable as error:
                    problem = str(error)
                else:
                    if pod is not None and request.uid in ("", pod.uid):
                        return pod
                    problem = f"there is no pod {request.namespace}/{request.pod} any more"
                await trio.sleep(_PAUSE_SECONDS)
        raise CaptureFailed(problem, TRY_AGAIN)
