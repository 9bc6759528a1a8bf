"""HAProxy as a reverse proxy: one thread, connections to the backend shared, a log line a request.

HAProxy writes no log files: it sends datagrams to a log server, streams to a ring, or writes to a descriptor. The last, with
standard output on a regular file, is nearest to what the others do; it costs one write a request where the others buffer.
"""

import os
import shutil
from pathlib import Path

from bench.contestants.contestant import Contestant, first_line
from bench.process import BenchError, Launch
from bench.site import BACKEND_NAME, HOSTS, PREFIXES, Listener, Place

# Fields of Istio's line that HAProxy has no word for are a constant `-`, so that lines are about as long.
_LOG_FORMAT = (
    r"[%t]\ \"%HM\ %HU\ %HV\"\ %ST\ %ts\ via_upstream\ -\ \"-\"\ %U\ %B\ %Tt\ %Tr\ \"%ci\"\ \"%[capture.req.hdr(0)]\"\ "
    r"\"%[var(txn.id)]\"\ \"%[capture.req.hdr(1)]\"\ \"%si:%sp\"\ %b\ %bi:%bp\ %fi:%fp\ %ci:%cp\ -\ %s"
)


class Haproxy(Contestant):
    """Debian's HAProxy."""

    def __init__(self) -> None:
        super().__init__("haproxy")
        self._program = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")

    def absence(self) -> str | None:
        return None if self._program else "not found; install it (Debian: apt install haproxy)"

    def version(self) -> str:
        return first_line([self._program or "haproxy", "-v"]).partition("version ")[2].split(" ")[0]

    def prepare(self, place: Place) -> Launch:
        if self._program is None:
            raise BenchError("haproxy cannot be started: it was not found")
        configuration = place.folder / "haproxy.cfg"
        configuration.write_text(haproxy_configuration(place))
        # Standard output is the access log; a word of warning at the start of it does no harm.
        return Launch([self._program, "-db", "-f", str(configuration)], place.folder, place.access_log)


def haproxy_configuration(place: Place) -> str:
    """A frontend for each of the place's ports, chosen by host and prefix among backends, and a metrics page."""
    site = place.site
    server = _bundle(place.folder / "haproxy-server.pem", site.chain, site.key)
    workload = _bundle(place.folder / "haproxy-workload.pem", site.mesh_chain, site.mesh_key)
    bindings: dict[Listener, str] = {
        "tls": f" ssl crt {server} alpn http/1.1",
        "h2": " proto h2",
        "h2h2": " proto h2",
        "inbound": f" ssl crt {workload} alpn http/1.1 ca-file {site.authority} verify required ssl-min-ver TLSv1.3",
    }
    routed = {name: port for name, port in place.ports.items() if name != "tcp"}
    frontends = "".join(_frontend(name, port, bindings.get(name, "")) for name, port in routed.items())
    if "tcp" in place.ports:
        frontends += f"listen tcp\n  mode tcp\n  option tcplog\n  bind 127.0.0.1:{place.ports['tcp']} backlog 4096\n"
        frontends += f"  server s 127.0.0.1:{site.backend_port}\n"
    verified = f" ssl verify required ca-file {site.authority} sni str({BACKEND_NAME})"
    backends = ""
    for name in routed:
        port, options = site.backend_port, ""
        if name == "originate":
            port, options = site.backend_tls_port, verified
        elif name == "mesh":
            # It knows peers by names of hosts, not by SPIFFE IDs.
            port, options = place.ports["inbound"], f"{verified} crt {workload} ssl-min-ver TLSv1.3"
        elif name == "h2h2":
            port, options = site.backend_h2_port, " proto h2"
        for prefix in PREFIXES:
            backends += f"backend {_backend(name, prefix)}\n  server s 127.0.0.1:{port}{options}\n"
    return f"""global
  nbthread 1
  maxconn 4096
  log stdout format raw local0
  ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
  mode http
  log global
  log-format {_LOG_FORMAT}
  option forwardfor
  http-reuse always
  timeout client 600s
  timeout server 600s
  timeout connect 5s
  timeout http-request 15s
  timeout http-keep-alive 600s
{frontends}{backends}frontend metrics
  bind 127.0.0.1:{place.spare_port}
  no log
  http-request use-service prometheus-exporter if {{ path /metrics }}
"""


def _backend(name: Listener, prefix: str) -> str:
    return f"{name}-{prefix.strip('/') or 'rest'}"


def _bundle(file: Path, chain: Path, key: Path) -> Path:
    """A certificate and its key in one file, as HAProxy wants them."""
    file.touch(mode=0o600)
    file.write_bytes(chain.read_bytes() + key.read_bytes())
    return file


def _frontend(name: Listener, port: int, options: str) -> str:
    """Args: options - of the address: how the connection is secured."""
    known = " ".join(HOSTS)
    lines = [
        f"frontend {name}",
        f"  bind 127.0.0.1:{port}{options} backlog 4096",
        "  capture request header User-Agent len 128",
        "  capture request header Host len 128",
        "  http-request set-var(txn.id) uuid()",
        "  http-request set-header X-Request-Id %[var(txn.id)]",
        f"  http-request return status 404 unless {{ hdr(host),field(1,:) -i {known} }}",
    ]
    for prefix in PREFIXES:
        if prefix != "/":
            lines.append(f"  use_backend {_backend(name, prefix)} if {{ path {prefix} }} || {{ path_beg {prefix}/ }}")
    lines.append(f"  default_backend {_backend(name, '/')}")
    return "\n".join(lines) + "\n"
