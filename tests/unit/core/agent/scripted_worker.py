"""A worker that serves nobody: it answers its agent as the configuration's version tells it, and notes down what it was sent.

    python scripted_worker.py FOLDER BEHAVIOUR --number=N --link=FD --cells=FD

Versions: `refuse-N` is refused by worker N, `kill-N` kills worker N each time, `kill-once-N` the first time.
Behaviours: `serve`; `fail` ends at once; `stubborn` does not end when told to drain.
"""

import os
import signal
import socket
import sys
from pathlib import Path

import trio

from hauberk_core.agent.link import Link
from hauberk_core.agent.wire import Ack, Delta, Drain, Hello, Nack
from hauberk_core.worker import Arguments


async def _serve(folder: Path, behaviour: str, arguments: Arguments) -> None:
    link = Link(socket.socket(fileno=arguments.link))
    notes = folder / f"worker-{arguments.number}"
    await link.send(Hello(os.getpid()))
    while (received := await link.receive()) is not None:
        message, descriptors = received
        for descriptor in descriptors:
            os.close(descriptor)
        match message:
            case Delta():
                with notes.open("a") as file:
                    file.write(f"{message.version}: +{len(message.set)} -{len(message.removed)}\n")
                await link.send(_answer(folder, message, arguments.number))
            case Drain():
                if behaviour != "stubborn":
                    return
            case _:
                raise AssertionError(message)


def _answer(folder: Path, delta: Delta, number: int) -> Ack | Nack:
    match delta.version.rsplit("-", 1):
        case ["refuse", who] if int(who) == number:
            return Nack(delta.number, ["as it was told"])
        case ["kill", who] if int(who) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        case ["kill-once", who] if int(who) == number and not (folder / "killed").exists():
            (folder / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
    return Ack(delta.number)


if __name__ == "__main__":
    if sys.argv[2] == "fail":
        sys.exit(7)
    trio.run(_serve, Path(sys.argv[1]), sys.argv[2], Arguments.parse(sys.argv[3:]))
