"""VirtualService."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Literal

import msgspec

from hauberk_core.model.errors import quote
from hauberk_core.model.mistake import Mistake
from hauberk_core.model.syntax import LONGEST_HEADER_VALUE, Fault, changeable_header_name, header_name, header_value
from hauberk_core.resources.duration import IstioDuration
from hauberk_core.resources.meta import Resource
from hauberk_core.resources.names import Labels
from hauberk_core.resources.part import Count, Part, PortNumber, follows, repeated
from hauberk_core.resources.pattern import wrong_pattern

MESH: Final = "mesh"
"""The gateway that stands for all sidecars; where an object names none, it is for these."""

# A proxy tries rules one after the other, in the order written: a request pays for each one before its own.
_MOST_RULES: Final = 512
MOST_MATCHES: Final = 128
_MOST_MATCHES_IN_ALL: Final = 2048
"""Of one object's rules for requests; each may have expressions, which take memory in every proxy."""
_MOST_HOSTS: Final = 512
_MOST_DESTINATIONS: Final = 64
# As many as Gateway API lets stand in a rule; every one is another request.
_MOST_MIRRORS: Final = 16
_MOST_NAMES: Final = 64
"""Headers, parameters, labels' names and the like in one list or object."""

_Names = Annotated[tuple[Annotated[str, msgspec.Meta(max_length=256)], ...], msgspec.Meta(max_length=_MOST_NAMES)]
_Host = Annotated[str, msgspec.Meta(min_length=1, max_length=253)]
_AUTHORITY_HEADERS: Final = ("host", ":authority")


def operated_header_name(text: str) -> Fault | None:
    """The name of a header that an operation may change; Istio's users change the authority as one."""
    return None if text.lower() in _AUTHORITY_HEADERS else changeable_header_name(text)


def _too_many(several: Mapping[str, Mapping[str, object]]) -> list[Mistake]:
    """A mistake for each object with more members than are taken. Args: several - by the field's name."""
    return [
        Mistake((field,), f"{len(members)} members, {_MOST_NAMES} are allowed", "leave some out")
        for field, members in several.items()
        if len(members) > _MOST_NAMES
    ]


class StringMatch(Part, frozen=True, kw_only=True):
    """A condition on a text: at most one of the three; none of them: it only has to be there."""

    exact: Annotated[str, msgspec.Meta(max_length=LONGEST_HEADER_VALUE)] | None = None
    prefix: Annotated[str, msgspec.Meta(max_length=LONGEST_HEADER_VALUE)] | None = None
    regex: Annotated[str, msgspec.Meta(max_length=1024)] | None = None
    """RE2; the whole text must match."""

    def mistakes(self) -> list[Mistake]:
        given = [name for name in ("exact", "prefix", "regex") if getattr(self, name) is not None]
        found = [Mistake((name,), f"both {given[0]} and {name}", "keep one of the two") for name in given[1:]]
        return found + wrong_pattern("regex", self.regex) if self.regex is not None else found


class HttpMatch(Part, frozen=True, kw_only=True):
    """Conditions on a request and on who sends it; all must hold."""

    name: str | None = None
    uri: StringMatch | None = None
    scheme: StringMatch | None = None
    method: StringMatch | None = None
    authority: StringMatch | None = None
    headers: dict[Annotated[str, follows(header_name)], StringMatch] = msgspec.field(default_factory=dict)
    without_headers: dict[Annotated[str, follows(header_name)], StringMatch] = msgspec.field(default_factory=dict)
    query_params: dict[Annotated[str, msgspec.Meta(min_length=1)], StringMatch] = msgspec.field(default_factory=dict)
    ignore_uri_case: bool = False
    port: PortNumber | None = None
    """The service's, that the request is for."""
    source_labels: Labels = msgspec.field(default_factory=dict)
    """Of the workload that sends it."""
    source_namespace: str | None = None
    gateways: _Names = ()
    """In place of the object's own."""
    stat_prefix: str | None = None

    def mistakes(self) -> list[Mistake]:
        found = _too_many({"headers": self.headers, "withoutHeaders": self.without_headers, "queryParams": self.query_params})
        for field in ("uri", "scheme", "method", "authority"):
            told = getattr(self, field)
            if told is not None and told == StringMatch():
                found.append(Mistake((field,), "a condition without content", "write exact, prefix or regex"))
        return found


class Port(Part, frozen=True, kw_only=True):
    """A port of a service."""

    number: PortNumber


class Destination(Part, frozen=True, kw_only=True):
    """A service, or a subset of it that a DestinationRule makes."""

    host: _Host
    """A full name, or a short one that is completed with the object's own namespace."""
    subset: Annotated[str, msgspec.Meta(max_length=63)] | None = None
    port: Port | None = None
    """None: the only one that the service has, else the one that the request is for."""


class HeaderOperations(Part, frozen=True, kw_only=True):
    """Changes to headers."""

    set: dict[Annotated[str, follows(operated_header_name)], Annotated[str, follows(header_value)]] = msgspec.field(
        default_factory=dict
    )
    add: dict[Annotated[str, follows(operated_header_name)], Annotated[str, follows(header_value)]] = msgspec.field(
        default_factory=dict
    )
    remove: Annotated[tuple[Annotated[str, follows(operated_header_name)], ...], msgspec.Meta(max_length=_MOST_NAMES)] = ()

    def mistakes(self) -> list[Mistake]:
        return _too_many({"set": self.set, "add": self.add})


class Headers(Part, frozen=True, kw_only=True):
    """Changes to headers on both ways."""

    request: HeaderOperations | None = None
    response: HeaderOperations | None = None


class HttpDestination(Part, frozen=True, kw_only=True):
    """One of those who share the requests of a rule."""

    destination: Destination
    weight: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0
    """In proportion to the others'; of a single one it means nothing."""
    headers: Headers | None = None


class Redirect(Part, frozen=True, kw_only=True):
    """An answer that sends the client elsewhere; what is not given stays as it was."""

    uri: str | None = None
    """The whole path, however the request's was matched."""
    authority: str | None = None
    port: PortNumber | None = None
    derive_port: Literal["FROM_PROTOCOL_DEFAULT", "FROM_REQUEST_PORT"] | None = None
    scheme: Literal["http", "https"] | None = None
    redirect_code: Literal[301, 302, 303, 307, 308] = 301

    def mistakes(self) -> list[Mistake]:
        if self.port is not None and self.derive_port is not None:
            return [Mistake(("derivePort",), "both port and derivePort", "keep one of the two")]
        return []


class Body(Part, frozen=True, kw_only=True):
    """Exactly one of the two."""

    string: Annotated[str, msgspec.Meta(max_length=1 << 20)] | None = None
    bytes: Annotated[str, msgspec.Meta(max_length=1 << 21)] | None = None
    """In base64."""


class DirectResponse(Part, frozen=True, kw_only=True):
    """An answer that the object itself holds."""

    status: Annotated[int, msgspec.Meta(ge=200, le=599)]
    body: Body | None = None


class Delegate(Part, frozen=True, kw_only=True):
    """Another VirtualService that says what becomes of a rule's requests."""

    name: str
    namespace: str | None = None


class RegexRewrite(Part, frozen=True, kw_only=True):
    """Replaces what a regular expression finds in the path."""

    match: Annotated[str, msgspec.Meta(max_length=1024)]
    rewrite: Annotated[str, msgspec.Meta(max_length=1024)]


class Rewrite(Part, frozen=True, kw_only=True):
    """What the destination is asked for instead."""

    uri: str | None = None
    """In place of the prefix that matched; of the whole path, where it was not matched by prefix."""
    authority: str | None = None
    uri_regex_rewrite: RegexRewrite | None = None

    def mistakes(self) -> list[Mistake]:
        if self.uri is not None and self.uri_regex_rewrite is not None:
            return [Mistake(("uriRegexRewrite",), "both uri and uriRegexRewrite", "keep one of the two")]
        return []


class Retries(Part, frozen=True, kw_only=True):
    """When and how often to try again; with 0 attempts, never."""

    attempts: Count = 2
    """Besides the first."""
    per_try_timeout: IstioDuration | None = None
    retry_on: Annotated[str, msgspec.Meta(max_length=1024)] = ""
    """Envoy's words, and statuses, with commas between."""
    retry_remote_localities: bool | None = None
    retry_ignore_previous_hosts: bool | None = None
    backoff: IstioDuration | None = None


class Percentage(Part, frozen=True, kw_only=True):
    """A share of the requests, in percent."""

    value: Annotated[float, msgspec.Meta(ge=0, le=100)] = 0.0


class Delay(Part, frozen=True, kw_only=True):
    """Requests wait."""

    fixed_delay: IstioDuration | None = None
    exponential_delay: IstioDuration | None = None
    percentage: Percentage | None = None
    percent: Annotated[int, msgspec.Meta(ge=0, le=100)] | None = None
    """Old."""


class Abort(Part, frozen=True, kw_only=True):
    """Requests are answered with an error."""

    http_status: int | None = None
    grpc_status: str | None = None
    http2_error: str | None = None
    percentage: Percentage | None = None


class HttpFault(Part, frozen=True, kw_only=True):
    """What goes wrong on purpose."""

    delay: Delay | None = None
    abort: Abort | None = None


class Mirror(Part, frozen=True, kw_only=True):
    """One who gets copies of requests."""

    destination: Destination
    percentage: Percentage | None = None
    """None: of all."""


class CorsPolicy(Part, frozen=True, kw_only=True):
    """Which pages of other origins may ask."""

    allow_origins: Annotated[tuple[StringMatch, ...], msgspec.Meta(max_length=_MOST_NAMES)] = ()
    allow_origin: _Names = ()
    """Old."""
    allow_methods: _Names = ()
    allow_headers: _Names = ()
    expose_headers: _Names = ()
    max_age: IstioDuration | None = None
    allow_credentials: bool | None = None
    unmatched_preflights: Literal["UNSPECIFIED", "FORWARD", "IGNORE"] = "UNSPECIFIED"


class HttpRule(Part, frozen=True, kw_only=True):
    """Requests that any of the matches takes (without: all), and what becomes of them."""

    name: Annotated[str, msgspec.Meta(max_length=253)] | None = None
    match: Annotated[tuple[HttpMatch, ...], msgspec.Meta(max_length=MOST_MATCHES)] = ()
    route: Annotated[tuple[HttpDestination, ...], msgspec.Meta(max_length=_MOST_DESTINATIONS)] = ()
    redirect: Redirect | None = None
    direct_response: DirectResponse | None = None
    delegate: Delegate | None = None
    rewrite: Rewrite | None = None
    timeout: IstioDuration | None = None
    """The whole exchange; None or `0s`: no limit."""
    retries: Retries | None = None
    fault: HttpFault | None = None
    mirror: Destination | None = None
    mirror_percentage: Percentage | None = None
    mirror_percent: Annotated[int, msgspec.Meta(ge=0, le=100)] | None = None
    """Old."""
    mirrors: Annotated[tuple[Mirror, ...], msgspec.Meta(max_length=_MOST_MIRRORS)] = ()
    cors_policy: CorsPolicy | None = None
    headers: Headers | None = None

    def mistakes(self) -> list[Mistake]:
        outcomes = {
            "route": self.route or None,
            "redirect": self.redirect,
            "directResponse": self.direct_response,
            "delegate": self.delegate,
        }
        given = [field for field, told in outcomes.items() if told is not None]
        found = [Mistake((field,), f"both {given[0]} and {field}", "keep one of the two") for field in given[1:]]
        if not given:
            found.append(Mistake((), "a rule that leads nowhere", "add route, with a destination"))
        if self.mirror is not None and self.mirrors:
            found.append(Mistake(("mirrors",), "both mirror and mirrors", "keep mirrors, which may have several"))
        return found + _without_share([one.weight for one in self.route])


class L4Match(Part, frozen=True, kw_only=True):
    """Conditions on a connection and on who opens it; all must hold."""

    destination_subnets: _Names = ()
    """Addresses and ranges that it is going to."""
    port: PortNumber | None = None
    source_subnet: str | None = None
    source_labels: Labels = msgspec.field(default_factory=dict)
    source_namespace: str | None = None
    gateways: _Names = ()


class TlsMatch(Part, frozen=True, kw_only=True):
    """The same for TLS that is not ended here, with the names that clients ask for."""

    sni_hosts: Annotated[tuple[_Host, ...], msgspec.Meta(min_length=1, max_length=_MOST_NAMES)]
    destination_subnets: _Names = ()
    port: PortNumber | None = None
    source_labels: Labels = msgspec.field(default_factory=dict)
    source_namespace: str | None = None
    gateways: _Names = ()


class RouteDestination(Part, frozen=True, kw_only=True):
    """One of those who share the connections of a rule."""

    destination: Destination
    weight: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0


class TcpRule(Part, frozen=True, kw_only=True):
    """Connections that any of the matches takes (without: all), and where they go."""

    match: Annotated[tuple[L4Match, ...], msgspec.Meta(max_length=MOST_MATCHES)] = ()
    route: Annotated[tuple[RouteDestination, ...], msgspec.Meta(min_length=1, max_length=_MOST_DESTINATIONS)]

    def mistakes(self) -> list[Mistake]:
        return _without_share([one.weight for one in self.route])


class TlsRule(Part, frozen=True, kw_only=True):
    """The same for TLS."""

    match: Annotated[tuple[TlsMatch, ...], msgspec.Meta(min_length=1, max_length=MOST_MATCHES)]
    route: Annotated[tuple[RouteDestination, ...], msgspec.Meta(min_length=1, max_length=_MOST_DESTINATIONS)]

    def mistakes(self) -> list[Mistake]:
        return _without_share([one.weight for one in self.route])


class VirtualServiceSpec(Part, frozen=True, kw_only=True):
    """For which hosts, at which gateways, and the rules, of which the first that takes a request counts."""

    hosts: Annotated[tuple[_Host, ...], msgspec.Meta(max_length=_MOST_HOSTS)] = ()
    """Full names, short ones that are completed with the object's own namespace, `*.name`, or `*`."""
    gateways: _Names = ()
    """`mesh`, the default, or Gateways of Istio's."""
    http: Annotated[tuple[HttpRule, ...], msgspec.Meta(max_length=_MOST_RULES)] = ()
    tls: Annotated[tuple[TlsRule, ...], msgspec.Meta(max_length=_MOST_RULES)] = ()
    tcp: Annotated[tuple[TcpRule, ...], msgspec.Meta(max_length=_MOST_RULES)] = ()
    export_to: _Names = ()
    """Namespaces whose callers it is for; `.`: its own; none, or `*`: all."""

    def mistakes(self) -> list[Mistake]:
        found = repeated("hosts", self.hosts, "mention of the host")
        matches = sum([len(rule.match) for rule in self.http])
        if matches > _MOST_MATCHES_IN_ALL:
            message = f"the rules have {matches} matches, {_MOST_MATCHES_IN_ALL} are allowed"
            found.append(Mistake(("http",), message, "split the object by hosts, or say more with one expression"))
        for index, host in enumerate(self.hosts):
            fault = _host_fault(host)
            if fault is not None:
                found.append(Mistake(("hosts", index), *fault))
        return found


class VirtualService(Resource, frozen=True, kw_only=True):
    """Which request goes where, by rules that are tried in their order."""

    GROUP: ClassVar[str] = "networking.istio.io"
    KIND: ClassVar[str] = "VirtualService"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1", "v1beta1", "v1alpha3")

    spec: VirtualServiceSpec


def _host_fault(text: str) -> Fault | None:
    name = text.removeprefix("*.").removesuffix(".")
    if text == "*" or (name and "*" not in name and all(label for label in name.split(".")) and "/" not in text):
        return None
    return f"{quote(text)} is no host", "write a service's name, *.name for all below it, or *"


def _without_share(weights: list[int]) -> list[Mistake]:
    if len(weights) > 1 and not any(weights):
        return [Mistake(("route",), "no destination has a weight", "add weight, of each its share in percent")]
    return []
