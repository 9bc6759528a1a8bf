"""hauberk itself, as plain Python or with its hot modules compiled, and any other build of it given as a command."""

import os
import shlex
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from bench.contestants.contestant import EVERY_LISTENER, Contestant, first_line
from bench.process import BenchError, Launch
from bench.site import BACKEND_NAME, HOSTS, MESH_IDENTITY, PREFIXES, WEIGHTS, Place
from bench.site import Listener as ListenerName
from hauberk_core.model import (
    AccessLog,
    Certificate,
    Cluster,
    Endpoint,
    FilterChain,
    JsonObject,
    Listener,
    Match,
    PathMatch,
    PluginConfig,
    Route,
    RouteTable,
    Snapshot,
    TransportConfig,
    VirtualHost,
    WeightedCluster,
)
from hauberk_core.model.codec import encode_snapshot

_PLACEHOLDERS: dict[ListenerName, str] = {
    "http": "port",
    "tls": "tls_port",
    "originate": "originate_port",
    "mesh": "mesh_port",
    "inbound": "inbound_port",
    "h2": "h2_port",
    "h2h2": "h2h2_port",
    "tcp": "tcp_port",
}
# As control writes them for a DestinationRule with Envoy's limits and `outlierDetection`, and for a PluginPolicy without a word.
CIRCUITBREAKER = PluginConfig(
    plugin="circuitbreaker",
    phase="admission",
    config=JsonObject.of({"max_connections": 1024, "max_pending": 1024, "max_requests": 1024, "max_retries": 3, "outliers": {}}),
)
CANARY = PluginConfig(plugin="canary")
_CANARY_SUFFIX = "-canary"
# What a library that mypyc made of several modules has in its file name.
_COMPILED_MARK = "__mypyc"


class Hauberk(Contestant):
    """`hauberk proxy` under a given Python, with one worker."""

    def __init__(self, name: str, python: str, compiled: bool) -> None:
        super().__init__(name)
        self.python = python
        self.compiled = compiled

    def absence(self) -> str | None:
        command = [self.python, "-P", "-m", "hauberk_cli", "proxy", "--help"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        return None if done.returncode == 0 else f"{self.python} cannot run it: {(done.stderr.splitlines() or [''])[-1]}"

    def version(self) -> str:
        return first_line([self.python, "-P", "-m", "hauberk_cli", "version"])

    def prepare(self, place: Place) -> Launch:
        configuration = write_snapshot(place)
        arguments = [self.python, "-m", "hauberk_cli", "proxy", "--config", str(configuration), "--workers", "1"]
        arguments += ["--admin", f"127.0.0.1:{place.spare_port}"]
        return Launch(arguments, place.folder, place.folder / "output.log", _environment(place))

    def is_worker(self, arguments: list[str]) -> bool:
        return any("hauberk_core.worker" in argument for argument in arguments)

    def doubt(self, pids: list[int]) -> str | None:
        libraries = [line for pid in pids for line in _mapped_files(pid) if _COMPILED_MARK in line and "hauberk" in line]
        if self.compiled and not libraries:
            return "no process has a compiled hauberk library mapped: this is plain Python"
        if not self.compiled and libraries:
            return f"compiled libraries are in use ({libraries[0]}): this is not plain Python"
        return None


class Command(Contestant):
    """Any proxy given as a command with `{config}`, `{port}`, `{backend}` and the like filled in.

    It takes part in the scenarios whose listener it has a placeholder for; `{config}`, a snapshot, has them all.
    """

    def __init__(self, name: str, command: str) -> None:
        super().__init__(name)
        self._command = command
        listeners = frozenset(listener for listener, word in _PLACEHOLDERS.items() if f"{{{word}}}" in command)
        self.listeners = EVERY_LISTENER if "{config}" in command else listeners

    def absence(self) -> str | None:
        return None if self.listeners else "its command has neither {config} nor {port}, {tls_port} or {originate_port}"

    def version(self) -> str:
        return self._command

    def prepare(self, place: Place) -> Launch:
        site = place.site
        values = {
            "config": str(write_snapshot(place)),
            **{_PLACEHOLDERS[name]: str(port) for name, port in place.ports.items()},
            "backend": f"127.0.0.1:{site.backend_port}",
            "backend_port": str(site.backend_port),
            "h2_backend": f"127.0.0.1:{site.backend_h2_port}",
            "tls_backend": f"127.0.0.1:{site.backend_tls_port}",
            "tls_backend_port": str(site.backend_tls_port),
            "chain": str(site.chain),
            "key": str(site.key),
            "authority": str(site.authority),
            "log": str(place.access_log),
            "folder": str(place.folder),
        }
        arguments: list[str] = []
        for word in shlex.split(self._command):
            filled = word
            for name, value in values.items():
                filled = filled.replace(f"{{{name}}}", value)
            arguments.append(filled)
        return Launch(arguments, Path.cwd(), place.folder / "output.log", _environment(place))

    def is_worker(self, arguments: list[str]) -> bool:
        return "hauberk_cli" not in arguments


def write_snapshot(place: Place) -> Path:
    """Write the place's `snapshot` where the proxy reads it."""
    file = place.folder / "snapshot.json"
    file.write_bytes(encode_snapshot(snapshot(place)))
    return file


def snapshot(place: Place) -> Snapshot:
    """The same proxy as the others, as hauberk's configuration."""
    site = place.site
    listeners: dict[str, Listener] = {}
    clusters: dict[str, Cluster] = {}
    mesh = TransportConfig(
        security="mesh", identities=(MESH_IDENTITY,), certificates=("workload",), trust_file=str(site.authority)
    )
    # What the listeners and the clusters that are not plain are secured by.
    accepted = {"tls": TransportConfig(security="tls", certificates=("server",)), "inbound": mesh}
    originated = {
        "originate": TransportConfig(security="tls", server_name=BACKEND_NAME, trust_file=str(site.authority)),
        "mesh": mesh,
    }
    called = {"originate": site.backend_tls_port, "mesh": place.ports.get("inbound", 0), "h2h2": site.backend_h2_port}
    for name, port in place.ports.items():
        chain = FilterChain(route_table=name, transport=accepted.get(name, TransportConfig()))
        if name == "tcp":
            chain = FilterChain(protocol="tcp", backends=(WeightedCluster(cluster=name),))
        listeners[name] = Listener(address=f"127.0.0.1:{port}", filter_chains=(chain,))
        cluster = Cluster(
            endpoints=(Endpoint(address=f"127.0.0.1:{called.get(name, site.backend_port)}"),),
            transport=originated.get(name, TransportConfig()),
            protocol="http2" if name == "h2h2" else "http1",
            plugins=(CIRCUITBREAKER,) if place.has_plugins else (),
        )
        clusters[name] = cluster
        if place.has_plugins:
            # A second version, so that there is something to choose.
            clusters[f"{name}{_CANARY_SUFFIX}"] = cluster
    return Snapshot(
        version="bench",
        listeners=listeners,
        route_tables={name: _route_table(name, place.has_plugins) for name in place.ports if name != "tcp"},
        clusters=clusters,
        certificates={
            "server": Certificate(chain_file=str(site.chain), key_file=str(site.key)),
            "workload": Certificate(chain_file=str(site.mesh_chain), key_file=str(site.mesh_key)),
        },
        access_log=AccessLog(file=str(place.access_log), format="text"),
    )


def _environment(place: Place) -> dict[str, str]:
    """Tracing is a matter of the environment, as OpenTelemetry has it."""
    if not place.has_plugins:
        return {}
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{place.site.collector_port}",
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": "0.01",
        "OTEL_SERVICE_NAME": "bench",
    }


def _route_table(cluster: str, has_plugins: bool) -> RouteTable:
    backends: tuple[WeightedCluster, ...] = (WeightedCluster(cluster=cluster),)
    if has_plugins:
        stable, canary = WEIGHTS
        backends = (
            WeightedCluster(cluster=cluster, weight=stable),
            WeightedCluster(cluster=f"{cluster}{_CANARY_SUFFIX}", weight=canary),
        )
    hosts: list[VirtualHost] = []
    for host in HOSTS:
        routes = tuple(
            Route(
                name=prefix.strip("/") or "rest",
                matches=(Match(path=PathMatch(kind="prefix", value=prefix)),),
                backends=backends,
                plugins=(CANARY,) if has_plugins else (),
            )
            for prefix in PREFIXES
        )
        hosts.append(VirtualHost(name=host, hosts=(host,), routes=routes))
    return RouteTable(virtual_hosts=tuple(hosts))


def _mapped_files(pid: int) -> set[str]:
    try:
        lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    except OSError:
        return set()
    return {line.split()[5] for line in lines if len(line.split()) > 5}


def compiled_python(root: Path, folder: Path) -> str:
    """Build the compiled wheel by `make wheel` and put it into a scratch environment.

    The environment sees this interpreter's own packages behind the wheel, so that both contestants run on the same
    dependencies and nothing is fetched.

    Args: root - the checkout; folder - an empty folder for the environment.
    Returns: the environment's Python. Raises: BenchError if no wheel can be built.
    """
    done = subprocess.run(["make", "wheel"], cwd=root, capture_output=True, text=True, check=False, timeout=1800)
    wheels = sorted((root / "dist").glob("hauberk-*.whl"), key=os.path.getmtime)
    if done.returncode != 0 or not wheels:
        raise BenchError(f"`make wheel` gives no wheel: {(done.stderr.strip().splitlines() or ['nothing in dist/'])[-1]}")
    return install_wheel(wheels[-1], folder)


def install_wheel(wheel: Path, folder: Path) -> str:
    """Put `wheel` without its dependencies into a new environment at `folder`; returns that environment's Python."""
    venv.EnvBuilder(with_pip=False, symlinks=True).create(folder)
    packages = folder / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(packages)]
    done = subprocess.run([*install, str(wheel)], capture_output=True, text=True, check=False, timeout=300)
    if done.returncode != 0:
        raise BenchError(f"the wheel {wheel.name} cannot be installed: {done.stderr.strip()}")
    # Path entries are searched after the environment's own packages, and path files inside them are not read: an editable
    # install of the checkout cannot come before the wheel.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return str(folder / "bin" / "python")
