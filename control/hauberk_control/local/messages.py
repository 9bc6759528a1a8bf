"""What is said over the local socket: one JSON object a line, a request and its answer in turn."""

from typing import Annotated, Final

import msgspec

SOCKET_NAME: Final = "control.sock"
FOLDER_NAME: Final = ".hauberk"
"""Beside the resources; readable by its owner alone."""
# A line names each service of the mesh; the largest meshes have some ten thousand.
LARGEST_LINE: Final = 4 * 1024 * 1024

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]


class _Message(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="op"):
    pass


class RegisterWorkload(_Message, frozen=True, kw_only=True, tag="register_workload"):
    """Be a workload for as long as this connection stands; nobody is sent to it before `WorkloadReady`. Answer: `Joined`."""

    service: str
    version: str = ""
    namespace: str = "default"
    service_account: str = ""
    """Empty: as the service."""
    name: str
    """Of this one instance, unique in its namespace."""
    address: str = "127.0.0.1"
    ports: dict[Port, Port] = {}
    """For each port of the service, where the workload's sidecar listens."""
    labels: dict[str, str] = {}


class WorkloadReady(_Message, frozen=True, kw_only=True, tag="workload_ready"):
    """The workload that this connection registered takes requests now. Answer: `Noted`."""

    namespace: str
    name: str


class JoinWorkload(_Message, frozen=True, kw_only=True, tag="join_workload"):
    """Join a workload that is registered once more: its certificate has ended. Answer: `Joined`."""

    namespace: str
    name: str


class JoinGateway(_Message, frozen=True, kw_only=True, tag="join_gateway"):
    """Run the proxy of a Gateway. Answer: `Joined`."""

    namespace: str
    name: str


class RotateRoot(_Message, frozen=True, kw_only=True, tag="rotate_root"):
    """Announce another root of the certificate authority. Answer: `Rotated`."""


class AskServices(_Message, frozen=True, kw_only=True, tag="services"):
    """Which services there are. Answer: `Services`."""


class AskGateways(_Message, frozen=True, kw_only=True, tag="gateways"):
    """Which Gateways there are to run. Answer: `Gateways`."""


class AskStatus(_Message, frozen=True, kw_only=True, tag="status"):
    """The conditions of every object, and what is wrong with the files. Answer: `Status`."""


class AskProxies(_Message, frozen=True, kw_only=True, tag="proxies"):
    """Every connected proxy. Answer: `Proxies`."""


class AskObjects(_Message, frozen=True, kw_only=True, tag="objects"):
    """What every object is called, and where it stands. Answer: `Objects`."""


class AskProgress(_Message, frozen=True, kw_only=True, tag="progress"):
    """How far what is in the files has come. Answer: `Progress`."""


Request = (
    RegisterWorkload
    | WorkloadReady
    | JoinWorkload
    | JoinGateway
    | RotateRoot
    | AskServices
    | AskGateways
    | AskStatus
    | AskProxies
    | AskObjects
    | AskProgress
)


class Joined(_Message, frozen=True, kw_only=True, tag="joined"):
    """How to join, once."""

    control: str
    join: str
    root: str
    identity: str
    token: str


class Rotated(_Message, frozen=True, kw_only=True, tag="rotated"):
    """Another root is announced; the old one signs on until the new one does."""

    name: str
    """Of the new root's file."""
    signs_after_seconds: float
    drops_after_seconds: float
    """Until the old one is trusted no more."""


class Noted(_Message, frozen=True, kw_only=True, tag="noted"):
    """It is done."""


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    """One Service, or one Gateway that is ours to run."""

    name: str
    namespace: str
    ports: list[int]


class Services(_Message, frozen=True, kw_only=True, tag="services"):
    """By namespace and name."""

    services: list[Ports]


class Gateways(_Message, frozen=True, kw_only=True, tag="gateways"):
    """By namespace and name."""

    gateways: list[Ports]


class ConditionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One condition of one object."""

    kind: str
    """Of the object."""
    namespace: str
    """Of the object; empty for kinds that do not live in namespaces."""
    name: str
    """Of the object."""
    place: str
    """Where it stands: file, line and column."""
    part: str = ""
    """A listener of a Gateway, a parent of a route; empty: the object itself."""
    type: str
    """What is told, for example `Accepted`."""
    status: str
    """`True`, `False` or `Unknown`."""
    reason: str
    """In one word."""
    message: str = ""
    """In sentences."""


class Status(_Message, frozen=True, kw_only=True, tag="status"):
    """What control makes of the files."""

    conditions: list[ConditionRow]
    """Of every object that has any."""
    problems: list[str]
    """Mistakes in files, each with its place, reason and hint."""


class RefusalRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a proxy refused last since it connected."""

    version: str
    """Of the configuration."""
    reason: str
    """The proxy's own words."""
    seconds_ago: float
    """How long ago."""
    settled: bool
    """Whether it has taken another one since, or this one after all."""


class ProxyRow(msgspec.Struct, frozen=True, kw_only=True):
    """One connected proxy."""

    identity: str
    """Its SPIFFE ID."""
    role: str
    """`gateway` or `sidecar`."""
    name: str
    """A gateway's `namespace/name`; a sidecar's workload."""
    namespace: str
    """Its own."""
    program: str = ""
    """The program that it runs, and its version; empty where it does not say."""
    plugins: dict[str, str] = {}
    """The data halves that are installed beside it and not switched off, with their packages' versions."""
    version: str
    """Of the configuration that it serves by; empty: none yet."""
    current: bool
    """Whether that is the latest."""
    behind_seconds: float
    """For how long it has not been the latest; 0 if it is."""
    in_force_seconds: float | None = None
    """For how long it has served by its configuration; null: it has none yet."""
    connected_seconds: float
    """For how long it has been connected to control."""
    last_refusal: RefusalRow | None = None
    """null: none since it connected."""


class Proxies(_Message, frozen=True, kw_only=True, tag="proxies"):
    """By role and name."""

    proxies: list[ProxyRow]
    """Those that are connected."""


class ObjectRow(msgspec.Struct, frozen=True, kw_only=True):
    """One object."""

    kind: str
    namespace: str
    """Empty for kinds that do not live in namespaces."""
    name: str
    place: str


class Objects(_Message, frozen=True, kw_only=True, tag="objects"):
    """By kind, namespace and name."""

    objects: list[ObjectRow]


class FileProblem(msgspec.Struct, frozen=True, kw_only=True):
    """A mistake in a file, for which something of it is not in force."""

    file: str
    """Relative to the folder of resources."""
    text: str
    """Place, reason and hint."""


class AbsentProxy(msgspec.Struct, frozen=True, kw_only=True):
    """A proxy that there should be, for a Gateway or for a workload that runs, and that is not connected."""

    role: str
    name: str
    """`namespace/name`."""


class Progress(_Message, frozen=True, kw_only=True, tag="progress"):
    """From the files to the proxies, as of one moment."""

    unread: list[str]
    """Files that look otherwise than what control works from, relative to the folder: it reads them in a moment."""
    problems: list[FileProblem]
    absent: list[AbsentProxy]
    proxies: list[ProxyRow]
    """By role and name."""


class Refused(_Message, frozen=True, kw_only=True, tag="refused"):
    """The request is not fulfilled; the message says why, and what to do."""

    message: str
    starting: bool = False
    """Control has only just begun: in a moment the same request may be fulfilled."""


Answer = Joined | Rotated | Noted | Services | Gateways | Status | Proxies | Objects | Progress | Refused
