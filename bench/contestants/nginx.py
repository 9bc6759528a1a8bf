"""nginx as a reverse proxy: one worker, keep-alive to the backend, a buffered access log of comparable lines."""

from bench.backend import nginx_binary, nginx_prefix
from bench.contestants.contestant import EVERY_LISTENER, Contestant, first_line
from bench.process import BenchError, Launch
from bench.site import BACKEND_NAME, HOSTS, PREFIXES, Listener, Place, Site

# Fields of Istio's line that nginx has no word for are a constant `-`, so that lines are about as long.
_LOG_FORMAT = (
    '[$time_iso8601] "$request_method $request_uri $server_protocol" $status - via_upstream - "-" $request_length '
    '$bytes_sent $request_time $upstream_response_time "$proxy_add_x_forwarded_for" "$http_user_agent" "$request_id" '
    '"$host" "$upstream_addr" $proxy_host - $server_addr:$server_port $remote_addr:$remote_port $ssl_server_name $uri'
)


class Nginx(Contestant):
    """Debian's nginx."""

    def __init__(self) -> None:
        super().__init__("nginx")
        self._program = nginx_binary()
        # Towards a backend it speaks HTTP/2 for gRPC alone, and Debian's light package passes no bare TCP.
        self.listeners = EVERY_LISTENER - {"h2h2", "tcp"}

    def absence(self) -> str | None:
        return None if self._program else "not found; install it (Debian: apt install nginx-light)"

    def version(self) -> str:
        return first_line([self._program or "nginx", "-v"]).partition("nginx/")[2]

    def is_worker(self, arguments: list[str]) -> bool:
        return "worker process" in " ".join(arguments)

    def prepare(self, place: Place) -> Launch:
        if self._program is None:
            raise BenchError("nginx cannot be started: it was not found")
        configuration = place.folder / "nginx.conf"
        configuration.write_text(nginx_configuration(place))
        arguments = [self._program, "-e", str(place.folder / "error.log"), "-c", str(configuration)]
        return Launch(arguments, place.folder, place.folder / "output.log")


def nginx_configuration(place: Place) -> str:
    """A server for each host on each of the place's ports, a location for each prefix, and a status page."""
    site = place.site
    served = {name: port for name, port in place.ports.items() if name not in {"h2h2", "tcp"}}
    servers = "".join(_server(site, name, port, host) for name, port in served.items() for host in HOSTS)
    return (
        nginx_prefix(place.folder)
        + f"""  log_format bench '{_LOG_FORMAT}';
  access_log {place.access_log} bench buffer=64k flush=10s;
  upstream backend {{ server 127.0.0.1:{site.backend_port}; keepalive 512; keepalive_requests 1000000000; }}
  upstream backend_tls {{ server 127.0.0.1:{site.backend_tls_port}; keepalive 512; keepalive_requests 1000000000; }}
{_peer(place)}  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_set_header Host $http_host;
  proxy_set_header X-Request-Id $request_id;
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
  proxy_set_header X-Forwarded-Proto $scheme;
  proxy_max_temp_file_size 0;
  proxy_ssl_server_name on; proxy_ssl_name {BACKEND_NAME};
  proxy_ssl_verify on; proxy_ssl_trusted_certificate {site.authority};
  proxy_ssl_protocols TLSv1.2 TLSv1.3;
  ssl_certificate {site.chain}; ssl_certificate_key {site.key};
{servers}  server {{ listen 127.0.0.1:{place.spare_port}; location / {{ stub_status; }} }}
}}
"""
    )


def _peer(place: Place) -> str:
    """Where the plain end of a pair of proxies sends requests. nginx knows peers by names of hosts, not by SPIFFE IDs."""
    port = place.ports.get("inbound")
    return f"  upstream peer {{ server 127.0.0.1:{port}; keepalive 512; keepalive_requests 1000000000; }}\n" if port else ""


def _server(site: Site, name: Listener, port: int, host: str) -> str:
    upstream = {"originate": "https://backend_tls", "mesh": "https://peer"}.get(name, "http://backend")
    locations = "".join(f"    location {prefix} {{ proxy_pass {upstream}; }}\n" for prefix in PREFIXES)
    options = (" ssl" if name in ("tls", "inbound") else " http2" if name == "h2" else "") + (
        " backlog=4096" if host == HOSTS[0] else ""
    )
    identity = ""
    if name == "mesh":
        identity = f"    proxy_ssl_certificate {site.mesh_chain}; proxy_ssl_certificate_key {site.mesh_key};\n"
        # Asked for one server by SNI and for another by Host, the inbound side would refuse.
        identity += "    proxy_ssl_protocols TLSv1.3; proxy_ssl_server_name off;\n"
    elif name == "inbound":
        identity = f"    ssl_certificate {site.mesh_chain}; ssl_certificate_key {site.mesh_key};\n"
        identity += f"    ssl_client_certificate {site.authority}; ssl_verify_client on; ssl_protocols TLSv1.3;\n"
    return f"  server {{\n    listen 127.0.0.1:{port}{options};\n    server_name {host};\n{identity}{locations}  }}\n"
