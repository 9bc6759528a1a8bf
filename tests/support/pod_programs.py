"""What runs in the pods of tests: `serve`, an application, and `ask JSON`, a client that does what it is told and prints answers.

The application answers HTTP on 8080 and 9080 with who asked for what. On 3306 it speaks first, as databases do, then repeats each
line, and after the client's end says how many lines there were. On 7070 it does the same without a word before.
"""

import errno
import http.client
import json
import socket
import socketserver
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

BANNER: Final = b"5.7.0 ready\n"
_PATIENCE: Final = 30.0


class _Web(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        fields = {name.lower(): value for name, value in self.headers.items()}
        body = json.dumps({"path": self.path, "peer": self.client_address[0], "fields": fields}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        """Say nothing."""


class _Lines(socketserver.StreamRequestHandler):
    banner = b""

    def handle(self) -> None:
        self.wfile.write(self.banner)
        count = 0
        for line in self.rfile:
            count += 1
            self.wfile.write(line)
        self.wfile.write(b"%d lines\n" % count)


class _Database(_Lines):
    banner = BANNER


class _WebServer(ThreadingHTTPServer):
    address_family = socket.AF_INET6


class _LineServer(socketserver.ThreadingTCPServer):
    address_family = socket.AF_INET6
    allow_reuse_address = True


def serve() -> None:
    """Serve until killed; says `ready`."""
    servers = [_WebServer(("::", port), _Web) for port in (8080, 9080)]
    lines = [_LineServer(("::", 3306), _Database), _LineServer(("::", 7070), _Lines)]
    threads = [threading.Thread(target=server.serve_forever) for server in (*servers, *lines)]
    for thread in threads:
        thread.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()


def ask(what: dict[str, object]) -> object:
    """One thing: `get` a path at `host` and `port` under a name, or speak `lines` there, after a `banner` or without."""
    address = (str(what["host"]), int(str(what["port"])))
    try:
        _wait_for_name(address)
        if "get" in what:
            host = f"[{address[0]}]" if ":" in address[0] else address[0]
            return _get(address, str(what["get"]), str(what.get("name", host)))
        return _speak(address, what)
    except http.client.RemoteDisconnected:
        return "closed"
    except OSError as error:
        # Each of them is what a reset looks like, by what the program was doing then.
        if error.errno in {errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN}:
            return "reset"
        return errno.errorcode.get(error.errno or 0, type(error).__name__)


def _wait_for_name(address: tuple[str, int]) -> None:
    """Return once the cluster's DNS tells of a name, or knows of none: on a loaded node it is away for moments."""
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            socket.getaddrinfo(*address)
            return
        except socket.gaierror as error:
            if error.errno != socket.EAI_AGAIN or time.monotonic() > end:
                raise
        time.sleep(0.5)


def _get(address: tuple[str, int], path: str, name: str) -> object:
    connection = http.client.HTTPConnection(*address, timeout=_PATIENCE)
    connection.request("GET", path, headers={"host": name})
    response = connection.getresponse()
    body = response.read().decode()
    reason = response.getheader("hauberk-reason")
    return json.loads(body) if response.status == 200 and body.startswith("{") else {"status": response.status, "reason": reason}


def _speak(address: tuple[str, int], what: dict[str, object]) -> object:
    with socket.create_connection(address, timeout=_PATIENCE) as sock, sock.makefile("rb") as answers:
        heard = answers.readline().decode() if what.get("banner") else ""
        sock.sendall(str(what.get("lines", "")).encode())
        sock.shutdown(socket.SHUT_WR)
        return heard + answers.read().decode()


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve()
    else:
        sys.stdout.write(json.dumps([ask(one) for one in json.loads(sys.argv[2])]))
