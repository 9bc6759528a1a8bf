"""The server behind every contestant, and the sink for spans: two nginx processes of our own."""

import os
import re
import shutil
import socket
from pathlib import Path

from bench.certificates import make_certificates
from bench.process import BenchError, Launch, Process, Processes, free_ports
from bench.site import GRPC_ANSWER, GRPC_PATH, LARGE_BODY_SIZE, SMALL_BODY, Site

_REQUESTS = re.compile(rb"server accepts handled requests\s+\d+\s+\d+\s+(\d+)")
NGINX_PREFIX = """daemon off;
worker_processes 1;
error_log {folder}/error.log warn;
pid {folder}/nginx.pid;
{user}
events {{ worker_connections 4096; }}
http {{
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  keepalive_requests 1000000000; keepalive_timeout 600s;
  ssl_protocols TLSv1.2 TLSv1.3;
"""


def nginx_binary() -> str | None:
    """Path of Debian's nginx, which is not always on the search path of an ordinary user."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def nginx_prefix(folder: Path) -> str:
    """The head of a configuration for a private nginx that keeps everything in `folder`; the caller closes `http`."""
    # Started by root, a worker would become `nobody`, who cannot look into the bench's folder.
    return NGINX_PREFIX.format(folder=folder, user="user root;" if os.geteuid() == 0 else "")


def parse_stub_status(reply: bytes) -> int:
    """Requests that an nginx has begun to answer since it started, out of its `stub_status` page."""
    found = _REQUESTS.search(reply)
    if found is None:
        raise BenchError(f"the backend's status page cannot be read: {reply[:200]!r}")
    return int(found[1])


class Backend:
    """A static server with a count of the requests that reached it, which is how progress of every contestant is measured."""

    def __init__(self, processes: Processes, folder: Path, core: int) -> None:
        binary = nginx_binary()
        if binary is None:
            raise BenchError("nginx, the backend of the bench, is missing; install it (Debian: apt install nginx-light)")
        port, tls_port, h2_port, status_port, collector_port = free_ports(5)
        self._status_port = status_port
        self.site = Site(folder, port, tls_port, h2_port, collector_port, *make_certificates(folder))
        self.process = self._start(
            processes, binary, "backend", self._backend_text(), core, (port, tls_port, h2_port, status_port)
        )
        self.collector = self._start(processes, binary, "collector", self._collector_text(), core, (collector_port,))

    def _start(self, processes: Processes, binary: str, name: str, text: str, core: int, ports: tuple[int, ...]) -> Process:
        folder = self.site.folder / name
        folder.mkdir()
        if name == "backend":
            (folder / "large").write_bytes(os.urandom(LARGE_BODY_SIZE))
            (folder / "grpc").write_bytes(GRPC_ANSWER)
        configuration = folder / "nginx.conf"
        configuration.write_text(nginx_prefix(folder) + text)
        launch = Launch([binary, "-e", str(folder / "error.log"), "-c", str(configuration)], folder, folder / "output.log")
        process = processes.start(name, launch, core)
        for port in ports:
            process.wait_port(port)
        return process

    def _backend_text(self) -> str:
        site = self.site
        return f"""  access_log off;
  sendfile on;
  default_type application/json;
  server {{
    listen 127.0.0.1:{site.backend_port} backlog=4096;
    listen 127.0.0.1:{site.backend_tls_port} ssl backlog=4096;
    listen 127.0.0.1:{site.backend_h2_port} http2 backlog=4096;
    http2_max_concurrent_streams 1024;
    ssl_certificate {site.chain}; ssl_certificate_key {site.key};
    location / {{ return 200 '{SMALL_BODY.decode()}'; }}
    location = /reviews/large {{ alias {site.folder}/backend/large; }}
    # A static file is given to GET alone; what is then to be said of a POST is that file.
    location = {GRPC_PATH} {{
      alias {site.folder}/backend/grpc; default_type application/grpc; add_trailer grpc-status 0; error_page 405 =200 {GRPC_PATH};
    }}
    location = /reviews/echo {{ return 200 '$http_x_request_id|$http_x_forwarded_for|$http_host'; }}
  }}
  server {{ listen 127.0.0.1:{self._status_port}; location / {{ stub_status; }} }}
}}
"""

    def _collector_text(self) -> str:
        # With a body handed to it, nginx reads and drops it; 202 is what collectors of spans answer.
        return f"""  access_log {self.site.folder}/collector/access.log;
  server {{ listen 127.0.0.1:{self.site.collector_port}; location / {{ return 202; }} }}
}}
"""

    def requests(self) -> int:
        """Requests begun since the start. The count includes the calls of this method: one each."""
        with socket.create_connection(("127.0.0.1", self._status_port), timeout=10.0) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            reply = b""
            while chunk := connection.recv(4096):
                reply += chunk
        return parse_stub_status(reply)

    def span_batches(self) -> int:
        """Batches of spans that contestants have delivered."""
        return len((self.site.folder / "collector" / "access.log").read_bytes().splitlines())
