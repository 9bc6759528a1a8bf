"""One program after the other, each with the descriptors that the one before has parked."""

import os
import resource
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

import click
import trio

from hauberk_cli.handover.descriptor_store import MOST_DESCRIPTORS, UNNAMED, DescriptorStore, StoreRefusal
from hauberk_cli.handover.notify_socket import Notification, NotifySocket

# Beside the descriptors in the store.
_OTHER_FILES: Final = 256


class Start(NamedTuple):
    """How to start a program so that it finds what is its own."""

    command: list[str]
    variables: dict[str, str]
    pass_fds: list[int]
    """Duplicates: the process in office may give a descriptor up while the next one is being started. To be closed then."""

    def close(self) -> None:
        """The process is started, or will not be."""
        for descriptor in self.pass_fds:
            os.close(descriptor)


class Succession:
    """Takes notifications of one program's processes, and keeps their descriptors. Use as a context manager.

    Only those are heard that were announced by `expect`: at most the process in office and the one that is to follow it.
    """

    def __init__(self, name: str) -> None:
        """Prepare. Args: name - of the program, for a person."""
        self._name: Final = name
        self._store: Final = DescriptorStore()
        self._socket: NotifySocket
        self._ready: Final[dict[int, trio.Event]] = {}

    def __enter__(self) -> "Succession":
        """Raises: OSError."""
        self._socket = NotifySocket()
        _allow_files(MOST_DESCRIPTORS + _OTHER_FILES)
        return self

    def __exit__(self, *_: object) -> None:
        self._store.close()
        self._socket.__exit__()

    def start(self, command: Sequence[str]) -> Start:
        """How to start the next process."""
        held = self._store.descriptors()
        variables = {"NOTIFY_SOCKET": self._socket.path}
        if not held:
            return Start(list(command), variables, [])
        numbers = [os.dup(descriptor) for _, descriptor in held]
        passing = [sys.executable, "-I", "-S", str(Path(__file__).with_name("pass_descriptors.py"))]
        variables["LISTEN_FDNAMES"] = ":".join([name for name, _ in held])
        return Start([*passing, ",".join([str(number) for number in numbers]), *command], variables, numbers)

    def expect(self, process: int) -> None:
        """Hear what this process tells: it was started just now."""
        self._ready[process] = trio.Event()

    def dismiss(self, process: int) -> None:
        """Hear this process no more."""
        self._ready.pop(process, None)

    async def wait_ready(self, process: int) -> None:
        """Wait until an expected process says that it is ready."""
        await self._ready[process].wait()

    async def listen(self) -> None:
        """Take notifications until cancelled."""
        while True:
            self.take(await self._socket.receive())

    def take(self, notification: Notification) -> None:
        """Act on one notification; its descriptors are ours."""
        process, fields, descriptors = notification
        if process == 0:  # see Notification: here the folder alone tells who it may be
            process = next(reversed(self._ready), 0)
        ready = self._ready.get(process)
        if ready is None:
            for descriptor in descriptors:
                os.close(descriptor)
            return
        name = fields.get("FDNAME", UNNAMED)
        for descriptor in descriptors:
            if fields.get("FDSTORE") == "1":
                self._park(name, descriptor)
            else:
                os.close(descriptor)
        if fields.get("FDSTOREREMOVE") == "1" and "FDNAME" in fields:
            self._store.remove(name)
        if fields.get("READY") == "1":
            ready.set()

    def _park(self, name: str, descriptor: int) -> None:
        try:
            self._store.park(name, descriptor)
        except StoreRefusal as error:
            click.echo(f"{self._name}: a socket will not outlive its process: {error}", err=True)

    def close_store(self) -> None:
        """No other process is to follow: whoever comes from now on is refused at once, and does not wait for nobody."""
        self._store.close()


def _allow_files(wanted: int) -> None:
    """Raise the limit of open files as far as it may be raised."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted if hard == resource.RLIM_INFINITY else min(hard, wanted), hard))
