"""The agent of one node: keeps the link in the chain, and sets up capture in the pods that ask for it."""

import os
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import trio

from hauberk_core.agent.file_watch import FileWatch
from hauberk_core.agent.logs import LOG
from hauberk_core.pod import CAPTURE_ANNOTATION
from hauberk_sidecar.cni.chain import PLUGIN, ChainError, add_link, find_chain, remove_link
from hauberk_sidecar.cni.pods import Pod, PodUnavailable
from hauberk_sidecar.cni.requests import TRY_AGAIN, BadRequest, Request, Requests

# A node starts some pods at a time; each costs two processes for a fifth of a second.
_AT_ONCE: Final = 8
# Then the script is told to try later, before it gives up by itself.
_PATIENCE_SECONDS: Final = 20.0
_PAUSE_SECONDS: Final = 0.5
_WRONG_CONFIGURATION: Final = 7
# Of a message of a program that failed.
_MOST_TOLD: Final = 500


class NodeFolders(NamedTuple):
    """The node's folders, as this process sees them."""

    configuration: Path
    """Of the chain: `/etc/cni/net.d` on most nodes."""
    programs: Path
    """Of the plugins: `/opt/cni/bin` on most nodes."""
    run: Path
    """Of requests; the node has it under the same path."""


class CaptureFailed(Exception):
    """Capture cannot be set up; the message says why. `code` is the specification's."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code: Final = code


class NodeAgent:
    """Works until cancelled, and then takes the link out again."""

    def __init__(self, folders: NodeFolders, never: tuple[str, ...], get_pod: Callable[[str, str], Pod | None]) -> None:
        """Prepare. Args: never - namespaces whose pods are left alone; get_pod - blocks; raises PodUnavailable."""
        self._folders: Final = folders
        self._never: Final = never
        self._get_pod: Final = get_pod
        self._requests: Final = Requests(folders.run)
        self._at_work: Final[set[str]] = set()
        self._limit: Final = trio.CapacityLimiter(_AT_ONCE)
        self._problem = ""

    async def run(self, *, task_status: "trio.TaskStatus[None]" = trio.TASK_STATUS_IGNORED) -> None:
        """Started once the node's next pod would ask. To be prepared before."""
        try:
            async with trio.open_nursery() as nursery:
                await nursery.start(self._serve, nursery)
                await nursery.start(self._keep_link)
                task_status.started()
        finally:
            self._uninstall()

    def prepare(self) -> None:
        """Write the script, and make the folders where it asks. Raises: OSError: the node's folders cannot be written."""
        self._requests.prepare()
        text = (files("hauberk_sidecar.cni") / "plugin.sh").read_text()
        text = text.replace("@RUN_FOLDER@", str(self._folders.run)).replace("@NEVER@", " ".join(self._never))
        aside = self._folders.programs / f".{PLUGIN}.new"
        aside.write_text(text)
        aside.chmod(0o755)
        # A program that runs cannot be written, but it can be replaced.
        os.replace(aside, self._folders.programs / PLUGIN)  # noqa: PTH105 - one call, atomic

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
            self._problem = ""
        except ChainError as error:
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
        pod = f"{request.namespace}/{request.pod}"
        try:
            arguments = await self._asked_capture(request)
            if arguments is not None:
                await _set_up(request.network, arguments)
                LOG.info("capture is set up for pod %s", pod)
        except CaptureFailed as error:
            LOG.warning("capture is not set up for pod %s: %s", pod, error)
            self._requests.answer(name, str(error), error.code)
        else:
            self._requests.answer(name)

    async def _asked_capture(self, request: Request) -> list[str] | None:
        """The arguments of capture that the pod's annotation has; None: it wants none. Raises: CaptureFailed."""
        pod = await self._find_pod(request)
        text = pod.annotations.get(CAPTURE_ANNOTATION)
        if text is None:
            return None
        try:
            return msgspec.json.decode(text, type=list[str])
        except msgspec.DecodeError as error:
            message = (
                f"the annotation {CAPTURE_ANNOTATION} is no JSON list of texts ({error}); injection writes it, leave it as it is"
            )
            raise CaptureFailed(message, _WRONG_CONFIGURATION) from error

    async def _find_pod(self, request: Request) -> Pod:
        problem = ""
        with trio.move_on_after(_PATIENCE_SECONDS):
            while True:
                try:
                    pod = await trio.to_thread.run_sync(self._get_pod, request.namespace, request.pod, abandon_on_cancel=True)
                except PodUnavailable as error:
                    problem = str(error)
                else:
                    if pod is not None and request.uid in ("", pod.uid):
                        return pod
                    problem = f"there is no pod {request.namespace}/{request.pod} any more"
                await trio.sleep(_PAUSE_SECONDS)
        raise CaptureFailed(problem, TRY_AGAIN)


async def _set_up(network: str, arguments: list[str]) -> None:
    """Install the rules in a network namespace. Raises: CaptureFailed."""
    command = ["nsenter", f"--net={network}", "--", sys.executable, "-m", "hauberk_sidecar.capture", *arguments]
    try:
        ended = await trio.run_process(command, capture_stdout=True, capture_stderr=True, check=False)
    except OSError as error:
        raise CaptureFailed(f"nsenter does not run: {error}", TRY_AGAIN) from error
    if ended.returncode:
        said = ended.stderr.decode(errors="replace").strip()[-_MOST_TOLD:]
        raise CaptureFailed(said or f"capture ends with status {ended.returncode}", TRY_AGAIN)
