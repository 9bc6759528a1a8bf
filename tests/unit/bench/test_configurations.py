import dataclasses
import json
import shutil
import ssl
import subprocess
from pathlib import Path
from typing import get_args

import pytest

from bench.backend import parse_stub_status
from bench.certificates import make_certificates
from bench.contestants.envoy import envoy_configuration
from bench.contestants.haproxy import haproxy_configuration
from bench.contestants.hauberk import CANARY, CIRCUITBREAKER, Command, Hauberk, snapshot, write_snapshot
from bench.contestants.nginx import Nginx, nginx_configuration
from bench.process import BenchError
from bench.site import BACKEND_NAME, HOST, HOSTS, MESH_IDENTITY, PREFIXES, WEIGHTS, Listener, Place, Site
from hauberk_canary.config import read_config
from hauberk_circuitbreaker.config import read_rules
from hauberk_core.model.codec import decode_snapshot
from hauberk_core.route.table import compile_table
from hauberk_mtls.peer import own_identity


@pytest.fixture
def place(tmp_path: Path) -> Place:
    site = Site(tmp_path, 19000, 19001, 19003, 19002, *make_certificates(tmp_path))
    return Place(site, tmp_path, {"http": 18000, "tls": 18001, "originate": 18002}, 18003, has_plugins=False)


@pytest.fixture
def mesh(place: Place) -> Place:
    return dataclasses.replace(place, ports={"mesh": 18000, "inbound": 18001}, has_plugins=True)


@pytest.fixture
def streams(place: Place) -> Place:
    return dataclasses.replace(place, ports={"h2": 18000, "h2h2": 18001, "tcp": 18002})


def test_certificates_are_believed_under_every_name(place: Place) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(place.site.chain, place.site.key)
    client = ssl.create_default_context(cafile=str(place.site.authority))
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    assert place.site.key.stat().st_mode & 0o077 == 0
    for name in (HOST, BACKEND_NAME, "127.0.0.1"):
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        ends = (
            client.wrap_bio(to_client, to_server, server_hostname=name),
            server.wrap_bio(to_server, to_client, server_side=True),
        )
        for _ in range(4):
            for end in ends:
                try:
                    end.do_handshake()
                except ssl.SSLWantReadError:
                    continue
        assert ends[0].version() == "TLSv1.3"


def test_the_snapshot_is_a_valid_configuration(place: Place) -> None:
    read = decode_snapshot(write_snapshot(place).read_bytes(), "snapshot.json")
    assert read == snapshot(place)
    assert {name: listener.address for name, listener in read.listeners.items()} == {
        "http": "127.0.0.1:18000",
        "tls": "127.0.0.1:18001",
        "originate": "127.0.0.1:18002",
    }
    for table in read.route_tables.values():
        compile_table(table)


def test_the_chain_of_the_mesh_is_a_valid_configuration(mesh: Place) -> None:
    read = decode_snapshot(write_snapshot(mesh).read_bytes(), "snapshot.json")
    assert read == snapshot(mesh)
    assert read.clusters["mesh"].endpoints[0].address == read.listeners["inbound"].address == "127.0.0.1:18001"
    assert read.clusters["inbound"].endpoints[0].address == "127.0.0.1:19000"
    ends = (read.clusters["mesh"].transport, read.listeners["inbound"].filter_chains[0].transport)
    assert all(end.security == "mesh" and end.identities == (MESH_IDENTITY,) for end in ends)


def test_the_certificate_of_the_mesh_is_a_workloads(mesh: Place) -> None:
    assert str(own_identity(mesh.site.mesh_chain.read_bytes())) == MESH_IDENTITY
    assert mesh.site.mesh_key.stat().st_mode & 0o077 == 0


def test_hauberk_traces_where_default_plugins_are_asked_for(place: Place, mesh: Place) -> None:
    hauberk = Hauberk("hauberk", "python", compiled=False)
    assert hauberk.prepare(place).environment == {}
    environment = hauberk.prepare(mesh).environment
    assert environment["OTEL_TRACES_SAMPLER_ARG"] == "0.01"
    assert environment["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://127.0.0.1:19002"


def test_the_plugins_configurations_are_ones_that_they_take() -> None:
    rules = read_rules(CIRCUITBREAKER.config.decode())
    assert rules.max_connections == 1024
    assert rules.outliers is not None
    assert read_config(CANARY.config.decode()).fallback == "stable"


def test_the_canary_has_the_same_weight_everywhere(place: Place) -> None:
    weighed = dataclasses.replace(place, has_plugins=True)
    for table in snapshot(weighed).route_tables.values():
        for host in table.virtual_hosts:
            assert all(tuple(backend.weight for backend in route.backends) == WEIGHTS for route in host.routes)
    for listener in json.loads(json.dumps(envoy_configuration(weighed)))["static_resources"]["listeners"]:
        manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
        for host in manager["route_config"]["virtual_hosts"]:
            for route in host["routes"]:
                clusters = route["route"]["weighted_clusters"]["clusters"]
                assert tuple(cluster["weight"] for cluster in clusters) == WEIGHTS


def test_envoy_knows_its_peer_by_its_spiffe_id_at_both_ends(mesh: Place) -> None:
    resources = json.loads(json.dumps(envoy_configuration(mesh)))["static_resources"]
    clusters = {cluster["name"]: cluster for cluster in resources["clusters"]}
    (inbound,) = (listener for listener in resources["listeners"] if listener["name"] == "inbound")
    accepting = inbound["filter_chains"][0]["transport_socket"]["typed_config"]
    assert accepting["require_client_certificate"] is True
    for end in (accepting, clusters["mesh"]["transport_socket"]["typed_config"]):
        tls = end["common_tls_context"]
        assert tls["tls_params"]["tls_minimum_protocol_version"] == "TLSv1_3"
        (expected,) = tls["validation_context"]["match_typed_subject_alt_names"]
        assert expected == {"san_type": "URI", "matcher": {"exact": MESH_IDENTITY}}
    assert all("outlier_detection" in clusters[name] for name in ("mesh", "inbound"))


def test_envoy_routes_as_the_snapshot_does(place: Place) -> None:
    text = json.dumps(envoy_configuration(place))
    resources = json.loads(text)["static_resources"]
    assert {
        listener["name"]: listener["address"]["socket_address"]["port_value"] for listener in resources["listeners"]
    } == place.ports
    for listener in resources["listeners"]:
        manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
        assert manager["tracing"]["random_sampling"] == {"value": 1.0}
        assert manager["access_log"][0]["typed_config"]["path"] == str(place.access_log)
        hosts = manager["route_config"]["virtual_hosts"]
        assert [host["domains"] for host in hosts] == [[host] for host in HOSTS]
        assert all(len(host["routes"]) == len(PREFIXES) for host in hosts)
    assert "AUTO" not in text


def test_nginx_has_a_server_for_each_host_and_listener(place: Place) -> None:
    text = nginx_configuration(place)
    assert text.count(" server_name ") == len(HOSTS) * 3
    assert text.count("proxy_pass http://backend;") == len(HOSTS) * len(PREFIXES) * 2
    assert text.count("proxy_pass https://backend_tls;") == len(HOSTS) * len(PREFIXES)
    assert text.count("{") == text.count("}")
    assert Nginx().is_worker(["nginx: worker process"])
    assert not Nginx().is_worker(["nginx: master process /usr/sbin/nginx"])


def test_nginx_asks_its_peer_for_a_certificate(mesh: Place) -> None:
    text = nginx_configuration(mesh)
    assert text.count("ssl_verify_client on;") == len(HOSTS)
    assert text.count(f"proxy_ssl_certificate {mesh.site.mesh_chain};") == len(HOSTS)
    assert text.count("proxy_pass https://peer;") == len(HOSTS) * len(PREFIXES)
    assert "upstream peer { server 127.0.0.1:18001;" in text


def test_http_2_is_spoken_on_both_sides_where_it_is_asked_for(streams: Place) -> None:
    read = decode_snapshot(write_snapshot(streams).read_bytes(), "snapshot.json")
    assert {name: (cluster.protocol, cluster.endpoints[0].address) for name, cluster in read.clusters.items()} == {
        "h2": ("http1", "127.0.0.1:19000"),
        "h2h2": ("http2", "127.0.0.1:19003"),
        "tcp": ("http1", "127.0.0.1:19000"),
    }
    assert read.listeners["tcp"].filter_chains[0].protocol == "tcp"
    resources = json.loads(json.dumps(envoy_configuration(streams)))["static_resources"]
    filters = {listener["name"]: listener["filter_chains"][0]["filters"][0] for listener in resources["listeners"]}
    assert filters["h2"]["typed_config"]["codec_type"] == filters["h2h2"]["typed_config"]["codec_type"] == "HTTP2"
    assert filters["tcp"]["typed_config"]["cluster"] == "tcp"
    assert [each["name"] for each in resources["clusters"] if "typed_extension_protocol_options" in each] == ["h2h2"]
    assert nginx_configuration(streams).count(" http2 ") == 1
    assert not Nginx().listeners & {"h2h2", "tcp"}


@pytest.mark.parametrize("kind", ["place", "mesh", "streams"])
def test_haproxy_accepts_its_configuration(kind: str, request: pytest.FixtureRequest) -> None:
    place: Place = request.getfixturevalue(kind)
    file = place.folder / "haproxy.cfg"
    file.write_text(haproxy_configuration(place))
    assert (place.folder / "haproxy-server.pem").stat().st_mode & 0o077 == 0
    program = shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    if program is None:
        pytest.skip("haproxy is not installed")
    done = subprocess.run([program, "-c", "-f", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_command_is_filled_in(place: Place) -> None:
    command = Command("mine", "python -c '{brace}' --listen {port} --to {backend} --config {config} {nothing}")
    arguments = command.prepare(place).arguments
    assert arguments[:3] == ["python", "-c", "{brace}"]
    assert arguments[3:] == [
        "--listen",
        "18000",
        "--to",
        "127.0.0.1:19000",
        "--config",
        f"{place.folder}/snapshot.json",
        "{nothing}",
    ]


def test_a_command_takes_part_where_it_has_a_port() -> None:
    assert Command("plain", "x {port}").listeners == {"http"}
    assert Command("tls", "x {tls_port} {originate_port}").listeners == {"tls", "originate"}
    assert Command("all", "x {config}").listeners == set(get_args(Listener))
    assert Command("none", "x").absence() is not None
    assert Command("plain", "x {port}").absence() is None


def test_an_interpreter_that_has_no_hauberk_is_absent(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'No module named hauberk_cli' >&2\nexit 1\n")
    python.chmod(0o700)
    assert "No module named hauberk_cli" in (Hauberk("hauberk", str(python), compiled=False).absence() or "")


def test_workers_are_told_from_agents() -> None:
    hauberk = Hauberk("hauberk", "python", compiled=False)
    assert hauberk.is_worker(["python", "-m", "hauberk_core.worker", "--fd", "3"])
    assert not hauberk.is_worker(["python", "-m", "hauberk_cli", "proxy", "--config", "x"])


def test_the_count_of_requests_is_the_third() -> None:
    page = b"HTTP/1.1 200 OK\r\n\r\nActive connections: 2 \nserver accepts handled requests\n 16 17 123456 \nReading: 0"
    assert parse_stub_status(page) == 123456
    with pytest.raises(BenchError, match="cannot be read"):
        parse_stub_status(b"HTTP/1.1 404 Not Found\r\n\r\n")
