"""A proxy that is kept running, and whose successors have its sockets: after its death, and when it is replaced."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import click
import trio

from hauberk_cli.handover.succession import Succession
from hauberk_cli.mesh.processes import Child, Groups, end_process

# An interpreter starts, the last good configuration is read, workers take it: a second, or many on a busy machine.
READY_SECONDS: Final = 60.0


class ProxyChild(Child):
    """An agent with its workers."""

    def __init__(
        self,
        name: str,
        command: Callable[[], Sequence[str]],
        log: Path,
        *,
        variables: Mapping[str, str] | None = None,
        groups: Groups | None = None,
    ) -> None:
        """Prepare. Args: as of `Child`."""
        super().__init__(name, command, log, variables=variables, groups=groups)
        self._succession: Final = Succession(name)
        self._replaced = trio.Event()
        self._starting: Final = trio.Lock()
        self._ending = False

    async def keep(self, *, task_status: "trio.TaskStatus[None]" = trio.TASK_STATUS_IGNORED) -> None:
        with self._succession:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._succession.listen)
                await super().keep(task_status=task_status)

    async def replace(self) -> bool:
        """Start another process beside the one that runs, and let that finish once the other one serves.

        Returns: whether it was replaced; if not, the one that ran serves on.
        Cancellation: the successor is ended if it is not ready yet.
        """
        async with self._starting:
            before = self._process
            if before is None or self._ending:
                return False
            successor = await self._succeed()
            try:
                ready = await self._wait_serving(successor)
            except BaseException:  # cancelled
                await end_process(successor)
                raise
            if not ready:
                click.echo(f"{self.name} was not replaced, and serves on; its log: {self.log}", err=True)
                await end_process(successor)
                return False
            self._process = successor
            self._replaced.set()
            self._replaced = trio.Event()
            self._succession.dismiss(before.pid)
        click.echo(f"{self.name} was replaced: process {successor.pid} serves")
        await end_process(before)
        self._note_ended_groups()
        return True

    async def _wait_serving(self, process: trio.Process) -> bool:
        ready = False

        async def until_ready() -> None:
            nonlocal ready
            await self._succession.wait_ready(process.pid)
            ready = True
            nursery.cancel_scope.cancel()

        async def until_ended() -> None:
            await process.wait()
            nursery.cancel_scope.cancel()

        with trio.move_on_after(READY_SECONDS):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(until_ready)
                nursery.start_soon(until_ended)
        return ready

    async def _start(self) -> trio.Process:
        async with self._starting:
            if self._process is not None and self._process.returncode is None:
                # The one that ended was just being replaced.
                return self._process
            return await self._succeed()

    async def _succeed(self) -> trio.Process:
        """Start a process that finds its predecessor's sockets."""
        start = self._succession.start(self._command())
        try:
            process = await self._launch(start.command, start.variables, start.pass_fds)
        finally:
            start.close()
        self._succession.expect(process.pid)
        return process

    async def _wait_ended(self) -> int:
        """Wait until the process in office has ended, whoever that is meanwhile."""
        status: int | None = None

        async def wait(process: trio.Process) -> None:
            nonlocal status
            ended = await process.wait()
            if process is self._process:
                status = ended
            nursery.cancel_scope.cancel()

        while status is None:
            assert self._process is not None
            async with trio.open_nursery() as nursery:
                nursery.start_soon(wait, self._process)
                await self._replaced.wait()
                nursery.cancel_scope.cancel()
        return status

    async def _end(self) -> None:
        process = self._process
        assert process is not None
        if process.returncode is None:
            # Nobody is to follow.
            self._ending = True
            self._succession.close_store()
        await end_process(process)
        self._succession.dismiss(process.pid)
