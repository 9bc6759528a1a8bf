"""Programs of others that tests start: found or visibly missed, configured in a folder of their own, and ended."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Final

import pytest
from live_proxy import PATIENCE, wait_until

# Debian keeps servers where the search path of an ordinary user does not look.
_SEARCH: Final = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"

# Below the ports that the system gives to outgoing connections and to whoever asks for any, and below those that meshes choose.
_FIRST_PORT: Final = 11_000
_PORTS_EACH: Final = 500
_MOST_PROCESSES: Final = 8


def _own_ports() -> Iterator[int]:
    """The ports that are left to this process of pytest, over and over, from a place that differs from one run to the next."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _MOST_PROCESSES
    start = os.getpid() % _PORTS_EACH
    first = _FIRST_PORT + number * _PORTS_EACH
    return cycle([first + (start + step) % _PORTS_EACH for step in range(_PORTS_EACH)])


_ports: Final = _own_ports()

_NGINX: Final = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log warn;
events {{ worker_connections 512; }}
http {{
  access_log off;
  client_max_body_size 0;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  keepalive_requests 1000000;
  {http}
}}
"""

_HAPROXY: Final = """
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend front
  bind 127.0.0.1:{port}
  default_backend back
backend back
  server only 127.0.0.1:{to} {server}
"""


def find_program(name: str) -> str | None:
    """Its path, if it is installed."""
    return shutil.which(name, path=_SEARCH)


def program(name: str) -> str:
    """Its path. Where it is missing the test is skipped; under CI=true it fails, so that nothing goes untested unseen."""
    found = find_program(name)
    if found is None:
        message = f"{name} is not installed"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return found


def free_port() -> int:
    """A port for a program that cannot be told to ask for one. Nobody else of the run takes it before that program does."""
    for _ in range(_PORTS_EACH):
        port = next(_ports)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise OSError("all ports that are left to this process of pytest are taken")


def listens(port: int) -> bool:
    """Whether anybody takes connections at a port of this machine."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@contextlib.contextmanager
def server(command: list[str], port: int, log: Path, ending: signal.Signals = signal.SIGKILL) -> Iterator[int]:
    """A server that listens on `port`, for as long as the context lasts.

    Args: ending - how it is told to end; one that has started others has to be given the time to end these.
    """
    with log.open("wb") as errors:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors)
    try:

        def ready() -> bool:
            assert process.poll() is None, log.read_text()
            return listens(port)

        wait_until(ready, log.read_text)
        yield port
    finally:
        process.send_signal(ending)
        process.wait(PATIENCE)


@contextlib.contextmanager
def nginx(folder: Path, location: str, http: str = "") -> Iterator[int]:
    """nginx with one location, `/`; `http` goes beside the server. Yields its port."""
    path = program("nginx")
    port = free_port()
    text = f"{http}\n  server {{ listen 127.0.0.1:{port}; location / {{ {location} }} }}"
    config = folder / "nginx.conf"
    config.write_text(_NGINX.format(folder=folder, http=text))
    with server([path, "-e", str(folder / "nginx.log"), "-p", str(folder), "-c", str(config)], port, folder / "nginx.out"):
        yield port


@contextlib.contextmanager
def haproxy(folder: Path, to: int, settings: str = "") -> Iterator[int]:
    """HAProxy in front of a port, with these settings of its server. Yields its own port."""
    path = program("haproxy")
    port = free_port()
    config = folder / "haproxy.cfg"
    config.write_text(_HAPROXY.format(port=port, to=to, server=settings))
    with server([path, "-db", "-f", str(config)], port, folder / "haproxy.out"):
        yield port
