"""Ports that nobody listens on."""

import socket

LOOPBACK = "127.0.0.1"


def free_port(wanted: int = 0) -> int:
    """`wanted` if it is free, else one that the system chooses. Somebody may still take it before it is used."""
    for port in (wanted, 0):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
            try:
                sock.bind((LOOPBACK, port))
            except OSError:
                continue
            return int(sock.getsockname()[1])
    raise OSError("no port is free")


def free_ports(count: int) -> list[int]:
    """So many different free ports."""
    socks = [socket.socket(socket.AF_INET, socket.SOCK_STREAM) for _ in range(count)]
    try:
        for sock in socks:
            sock.bind((LOOPBACK, 0))
        return [int(sock.getsockname()[1]) for sock in socks]
    finally:
        for sock in socks:
            sock.close()


def unprivileged(port: int) -> int:
    """The port that stands for `port` where nobody is root: 8080 for 80, 8443 for 443."""
    return port + 8000 if port < 1024 else port
