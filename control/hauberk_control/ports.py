"""Where control listens, kept over its restarts: proxies know it by its address."""

import json
import os
import socket
from pathlib import Path
from typing import Final, NamedTuple

PORTS_FILE: Final = "ports.json"


class ControlPorts(NamedTuple):
    """Two ports, because gRPC either requires client certificates or asks for none (see `ca.server_tls`)."""

    mesh: int
    join: int


def keep_ports(folder: Path, host: str) -> ControlPorts:
    """The ports that were chosen before, else two free ones that are kept from now on.

    Raises: OSError if the file cannot be written.
    """
    path = folder / PORTS_FILE
    try:
        kept = json.loads(path.read_bytes())
        return ControlPorts(int(kept["mesh"]), int(kept["join"]))
    except (OSError, ValueError, KeyError, TypeError):
        ports = _choose(host)
    fresh = path.with_name(path.name + ".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(ports._asdict(), file)
    fresh.replace(path)
    return ports


def _choose(host: str) -> ControlPorts:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as first, socket.socket(family, socket.SOCK_STREAM) as second:
        first.bind((host, 0))
        second.bind((host, 0))
        return ControlPorts(int(first.getsockname()[1]), int(second.getsockname()[1]))
