"""A program that serves its process number on one socket, and hands the socket on as sd_notify(3) has it.

    python kept_program.py FOLDER

What it does differently stands in FOLDER/behaviour when it starts: `silent` never gets ready, `fail` ends at once.
"""

import array
import os
import signal
import socket
import sys
from pathlib import Path


def _tell(text: str, descriptors: list[int]) -> None:
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendmsg([text.encode()], ancillary, 0, os.environ["NOTIFY_SOCKET"])


def main(folder: Path) -> None:
    """Serve until SIGTERM."""
    behaviour = folder / "behaviour"
    does = behaviour.read_text() if behaviour.exists() else ""
    if does == "fail":
        sys.exit(7)
    if os.environ.get("LISTEN_PID") == str(os.getpid()):
        server = socket.socket(fileno=3)
    else:
        server = socket.create_server(("127.0.0.1", 0))
        _tell("FDSTORE=1\nFDNAME=web", [server.fileno()])
        written = folder / "port.new"
        written.write_text(str(server.getsockname()[1]))
        written.rename(folder / "port")  # whole at once: its reader waits for the name only
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    if does == "silent":
        (folder / "silent").touch()
        signal.pause()
    _tell("READY=1", [])
    while True:
        connection, _ = server.accept()
        with connection:
            connection.sendall(str(os.getpid()).encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
