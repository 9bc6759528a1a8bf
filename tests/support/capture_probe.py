"""Two programs for tests of capture, to be run in namespaces: `listen PORT...` and `dial ADDRESS PORT ...`.

A listener answers each connection with its own port and where the connection was going: `15001 192.0.2.1 80`. Dialling prints
the answers as one JSON object by `ADDRESS PORT`; what fails has the error's name for an answer.
"""

import errno
import json
import socket
import struct
import sys
import threading
from typing import Final

_ORIGINAL_DESTINATION: Final = 80
_PATIENCE: Final = 20.0


def original_destination(sock: socket.socket) -> tuple[str, int]:
    """Where a connection was going before it was led here."""
    if sock.getpeername()[0].startswith("::ffff:"):
        _, port, address = struct.unpack("!2sH4s8x", sock.getsockopt(socket.SOL_IP, _ORIGINAL_DESTINATION, 16))
        return socket.inet_ntop(socket.AF_INET, address), port
    raw = sock.getsockopt(socket.IPPROTO_IPV6, _ORIGINAL_DESTINATION, 28)
    _, port, _, address, _ = struct.unpack("!HHI16sI", raw)
    return socket.inet_ntop(socket.AF_INET6, address), port


def listen(ports: list[int]) -> None:
    """Serve until killed; says `ready` when all of them listen."""
    sockets = [socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True) for port in ports]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    threads = [threading.Thread(target=_serve, args=(sock, port)) for sock, port in zip(sockets, ports, strict=True)]
    for thread in threads:
        thread.start()


def _serve(listening: socket.socket, port: int) -> None:
    while True:
        sock, _ = listening.accept()
        with sock:
            try:
                host, number = original_destination(sock)
            except OSError:  # a namespace without rules keeps no account of connections
                host, number = "", port
            if number == port:
                sock.sendall(f"{port} directly".encode())
            else:
                sock.sendall(f"{port} {host} {number}".encode())


def dial(places: list[tuple[str, int]]) -> dict[str, str]:
    """What answers at each place."""
    answers: dict[str, str] = {}
    for address, port in places:
        try:
            with socket.create_connection((address, port), timeout=_PATIENCE) as sock:
                answers[f"{address} {port}"] = sock.recv(1000).decode()
        except OSError as error:
            answers[f"{address} {port}"] = errno.errorcode.get(error.errno or 0, type(error).__name__)
    return answers


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["listen", *words]:
            listen([int(word) for word in words])
        case ["dial", *words]:
            pairs = zip(words[::2], words[1::2], strict=True)
            sys.stdout.write(json.dumps(dial([(address, int(port)) for address, port in pairs])))
