"""What the environment of a proxy's container says, read into the bootstrap document that every agent starts from."""

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from hauberk_core import pod
from hauberk_core.agent.bootstrap import Bootstrap, BootstrapError
from hauberk_core.agent.pod.probes import Probe, ProbeError, read_probes
from hauberk_core.bounded_read import read_bounded
from hauberk_core.identity import DEFAULT_TRUST_DOMAIN, SpiffeError, SpiffeId

# Labels, annotations, a token, some roots: Kubernetes bounds each of them below this.
_LARGEST_FILE: Final = 1 << 20
_MOST_WORKERS: Final = 256
_LARGEST_PORT: Final = 65535


class Scrape(NamedTuple):
    """Where the application shows its own metrics."""

    port: int
    path: str


class PodEnvironment(NamedTuple):
    """All that an agent in a pod is started with."""

    bootstrap: Bootstrap
    addresses: tuple[str, ...]
    """The pod's."""
    captured: bool
    """Whether its connections are to be led to the proxy."""
    probes: Mapping[str, Probe]
    """The application's, by the path that the kubelet asks for in their place."""
    scrape: Scrape | None
    drain_seconds: float | None
    """What is in flight gets so long when the pod ends; None: as long as the configuration says."""


def read_environment(role: str, environ: Mapping[str, str] = os.environ, root: Path = Path("/")) -> PodEnvironment:
    """Read it. Args: role - `sidecar` or `gateway`; root - below which the pod's files are.

    Raises: BootstrapError, which tells everything that is missing or wrong.
    """
    reading = _Reading(environ, root)
    namespace = reading.text(pod.POD_NAMESPACE)
    name = reading.text(pod.POD_NAME)
    addresses = reading.addresses()
    identity = reading.identity(namespace)
    workload = environ.get(pod.WORKLOAD) or name
    host = environ.get(pod.CONTROL) or pod.CONTROL_HOST
    captured = role == "sidecar" and environ.get(pod.INTERCEPTION, "REDIRECT") != "NONE"
    node = {
        "identity": identity,
        "role": role,
        # Control knows which Gateways a pod serves that is told of none.
        "name": f"{namespace}/{environ.get(pod.GATEWAY) or pod.unnamed_gateway(name)}" if role == "gateway" else workload,
        "namespace": namespace,
        "labels": reading.labels(),
        "address": "",
        "captured": captured,
        "pod": name,
        "addresses": addresses,
    }
    control = f"{host}:{reading.port(pod.CONTROL_DISCOVERY_PORT, pod.DISCOVERY_PORT)}"
    join = f"{host}:{reading.port(pod.CA_PORT, pod.CERTIFICATE_PORT)}"
    workers = reading.workers()
    authorities = reading.file(root_file(root))
    probes = reading.probes()
    scrape = reading.scrape()
    drain = reading.drain()
    reading.finish()
    bootstrap = Bootstrap(
        control=control,
        join=join,
        authority=environ.get(pod.CA_ADDRESS, ""),
        root=authorities,
        identity=identity,
        role=role,
        name=str(node["name"]),
        node=msgspec.Raw(msgspec.json.encode(node)),
        state=str(_below(root, pod.STATE_FOLDER)),
        admin=f"127.0.0.1:{pod.ADMIN_PORT}",
        workers=workers,
    )
    return PodEnvironment(bootstrap, tuple(addresses), captured, probes, scrape, drain)


def root_file(root: Path = Path("/")) -> Path:
    """The authorities by which control is known at first."""
    return _below(root, pod.ROOT_FOLDER) / pod.ROOT_FILE


def token_file(root: Path = Path("/")) -> Path:
    """The service account's token, for control alone."""
    return _below(root, pod.TOKEN_FOLDER) / pod.TOKEN_FILE


def read_text(path: Path) -> str:
    """A file of the pod. Raises: BootstrapError."""
    try:
        with path.open("rb") as file:
            data = read_bounded(file, _LARGEST_FILE)
        if len(data) > _LARGEST_FILE:
            raise BootstrapError(f"{path} is longer than the {_LARGEST_FILE} octets that it may have")
        return data.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise BootstrapError(f"{path} cannot be read ({error}); the injector mounts it: create the pod again") from error


def _below(root: Path, path: str) -> Path:
    return root / path.removeprefix("/")


class _Reading:
    """Reads variable by variable, and remembers what is wrong with each."""

    def __init__(self, environ: Mapping[str, str], root: Path) -> None:
        self._environ: Final = environ
        self._root: Final = root
        self._mistakes: Final[list[str]] = []

    def finish(self) -> None:
        """Raises: BootstrapError if anything was wrong."""
        if self._mistakes:
            raise BootstrapError("this is no proxy's container as the mesh makes them:\n" + "\n".join(self._mistakes))

    def text(self, name: str) -> str:
        value = self._environ.get(name, "")
        if not value:
            self._mistakes.append(f"{name} is not set")
        return value

    def file(self, path: Path) -> str:
        try:
            return read_text(path)
        except BootstrapError as error:
            self._mistakes.append(str(error))
            return ""

    def port(self, name: str, default: int) -> int:
        text = self._environ.get(name) or str(default)
        if not text.isascii() or not text.isdigit() or not 0 < int(text[:6]) <= _LARGEST_PORT:
            self._mistakes.append(f"{name} is {text!r}, which is no port")
            return default
        return int(text)

    def workers(self) -> int:
        text = self._environ.get(pod.WORKERS) or "1"
        if not text.isascii() or not text.isdigit() or not 0 < int(text[:4]) <= _MOST_WORKERS:
            self._mistakes.append(f"{pod.WORKERS} is {text!r}; write a number from 1 to {_MOST_WORKERS}")
            return 1
        return int(text)

    def addresses(self) -> list[str]:
        several = self._environ.get(pod.POD_IPS) or self.text(pod.POD_IP)
        found: list[str] = []
        for item in several.split(","):
            try:
                found.append(str(ipaddress.ip_address(item.strip())))
            except ValueError:
                self._mistakes.append(f"{item!r} is no address of a pod")
        return found

    def identity(self, namespace: str) -> str:
        domain = self._environ.get(pod.TRUST_DOMAIN) or DEFAULT_TRUST_DOMAIN
        try:
            return str(SpiffeId(domain, namespace, self.text(pod.SERVICE_ACCOUNT)))
        except SpiffeError as error:
            self._mistakes.append(f"the pod's identity: {error}")
            return ""

    def labels(self) -> dict[str, str]:
        """The pod's labels, one a line as `name="value"`, the value quoted as Go does."""
        text = self.file(_below(self._root, pod.POD_FOLDER) / "labels")
        found: dict[str, str] = {}
        for line in text.splitlines():
            name, _, value = line.partition("=")
            # Label values hold no character that would need an escape.
            found[name] = value.removeprefix('"').removesuffix('"')
        return found

    def probes(self) -> dict[str, Probe]:
        try:
            return read_probes(self._environ.get(pod.PROBES) or "{}")
        except ProbeError as error:
            self._mistakes.append(f"{pod.PROBES}: {error}")
            return {}

    def scrape(self) -> Scrape | None:
        text = self._environ.get(pod.PROMETHEUS)
        if not text:
            return None
        try:
            found = msgspec.json.decode(text, type=_Prometheus)
            return Scrape(int(found.port), found.path)
        except (msgspec.MsgspecError, ValueError) as error:
            self._mistakes.append(f"{pod.PROMETHEUS}: {error}")
            return None

    def drain(self) -> float | None:
        text = self._environ.get(pod.DRAIN)
        if not text:
            return None
        # Only here: beside it are all kinds of resources, which no proxy needs in its memory.
        from hauberk_core.resources.duration import IstioDuration

        try:
            return IstioDuration.parse(text).seconds
        except ValueError as error:
            self._mistakes.append(f"{pod.DRAIN}: {error}")
            return None


class _Prometheus(msgspec.Struct, frozen=True):
    port: str
    path: str = "/metrics"
