"""At the edge: what a stranger says of itself is taken off its request, and what proxies in front say is believed as configured.

Everything behind goes by the outcome: the record (access log, hashing by address, plugins), the scheme, and the fields that
endpoints get. It is settled once, before routing and before any plugin looks.
"""

from typing import Final

from hauberk_core.http.events import Request
from hauberk_core.http.forwarding_fields import ForwardedElement, forwarded_element, read_forwarded, read_host
from hauberk_core.http.headers import Headers
from hauberk_core.model.edge import Edge
from hauberk_core.net.destinations import DestinationMap
from hauberk_core.observe.record import Record

# What a field is; bits, so that one pass tells which there are.
_OURS: Final = 1
_ADDRESSES: Final = 2
_FORWARDED: Final = 4
_OF_PROXIES: Final = 8

_FOR: Final = "x-forwarded-for"
_PROTO: Final = "x-forwarded-proto"
_EXTERNAL: Final = "x-envoy-external-address"
# Not a matter of addresses: what becomes of it goes by certificates.
_CERTIFICATE: Final = "x-forwarded-client-cert"
# Names of clients' fields that are remembered; clients choose names.
_REMEMBERED_NAMES: Final = 1024
_REMEMBERED_LENGTH: Final = 64


def _kind_of(name: str) -> int:
    """Behind an interface of the CGI kind `_` is `-`, so that a name with the one stands for the other."""
    dashed = name.replace("_", "-")
    if dashed.startswith(("x-envoy-", "hauberk-")):
        return _OURS
    if dashed == "forwarded":
        return _FORWARDED
    if dashed.startswith("x-forwarded-") or dashed == "x-real-ip":
        if "_" in name:
            return _OURS
        if name == _CERTIFICATE:
            return 0
        return _ADDRESSES if name == _FOR else _OF_PROXIES
    return 0


class EdgeRules:
    """The rules of one filter chain."""

    __slots__ = ("_by_forwarded", "_forwarded", "_hops", "_kinds", "_trusted")

    def __init__(self, edge: Edge) -> None:
        self._trusted: DestinationMap | None = None
        if edge.trusted_proxies:
            self._trusted = DestinationMap([(edge.trusted_proxies, ())])
        self._hops: Final[int] = 0 if edge.trusted_proxies else edge.trusted_hops
        self._by_forwarded: Final = edge.address_field == "forwarded"
        self._forwarded: Final = edge.forwarded
        self._kinds: Final[dict[str, int]] = {}

    def settle(self, request: Request, record: Record, peer_host: str) -> None:
        """Find out who the client is, and leave of its request's fields what may go on.

        Args: record - its `downstream_remote` becomes the client, with port 0 where that is not who is connected (as in Envoy's
            log); request - its scheme becomes what the client used, as far as that is believed; peer_host - who is connected.
        """
        headers = request.headers
        found = self._kinds_of(headers.names)
        is_trusted = self._hops > 0 or self._trusts(peer_host)
        believed: list[str] = []
        scheme = ""
        if found:
            if is_trusted:
                scheme = headers.get(_PROTO) or ""
                if self._by_forwarded:
                    elements = _elements(headers) if found & _FORWARDED else []
                    believed = self._believed([element.node for element in elements])
                    scheme = elements[len(elements) - len(believed)].scheme if believed else ""
                elif found & _ADDRESSES:
                    believed = self._believed(",".join(headers.get_all(_FOR)).split(","))
            self._strip(headers, is_trusted, found)
        if believed and believed[0]:
            client = believed[0]
            record.downstream_remote = f"[{client}]:0" if ":" in client else client + ":0"
        else:
            client = peer_host
        if scheme in {"http", "https"}:
            request.scheme = scheme
        if self._by_forwarded or self._trusted is not None:
            self._list(headers, believed)
        headers.names.append(_EXTERNAL)
        headers.lines.append(_EXTERNAL + ": " + client)
        if self._forwarded == "replace":
            headers.add("forwarded", forwarded_element(client, request.scheme, request.authority))
        elif self._forwarded == "append":
            several = [forwarded_element(host, "", "") for host in believed if host]
            several.append(forwarded_element(peer_host, request.scheme, request.authority))
            headers.add("forwarded", ", ".join(several))

    def _trusts(self, host: str) -> bool:
        trusted = self._trusted
        return trusted is not None and bool(host) and trusted.choose(host, 0) == 0

    def _kinds_of(self, names: list[str]) -> int:
        """Which kinds of fields there are."""
        found = 0
        known = self._kinds
        for name in names:
            kind = known.get(name, -1)
            if kind < 0:
                kind = _kind_of(name)
                if len(name) <= _REMEMBERED_LENGTH:
                    if len(known) >= _REMEMBERED_NAMES:
                        known.clear()
                    known[name] = kind
            found |= kind
        return found

    def _believed(self, listed: list[str]) -> list[str]:
        """The part of the addresses that trusted proxies listed which begins with the client; empty: it is who is connected."""
        if self._hops:
            if len(listed) < self._hops:
                return []
            last = [read_host(node) for node in listed[-self._hops :]]
            return last if last[0] else []
        first = len(listed)
        several: list[str] = []
        while first > 0:
            first -= 1
            host = read_host(listed[first])
            if not host:
                break
            several.append(host)
            if not self._trusts(host):
                break
        several.reverse()
        return several

    def _strip(self, headers: Headers, is_trusted: bool, found: int) -> None:
        """Take off what is not the client's to say."""
        unwanted = _OURS | _FORWARDED
        if not is_trusted:
            unwanted |= _OF_PROXIES
        if not found & unwanted:
            if found & _OF_PROXIES:
                _settle_scheme(headers)
            return
        names = headers.names
        lines = headers.lines
        for index in range(len(names) - 1, -1, -1):
            if _kind_of(names[index]) & unwanted:
                del names[index]
                del lines[index]
        if is_trusted:
            _settle_scheme(headers)

    def _list(self, headers: Headers, believed: list[str]) -> None:
        """Write the addresses that are believed, and no others, where endpoints look for them."""
        hosts = [host for host in believed if host]
        if hosts:
            headers.set(_FOR, ", ".join(hosts))
        else:
            headers.remove(_FOR)


def _elements(headers: Headers) -> list[ForwardedElement]:
    return read_forwarded(", ".join(headers.get_all("forwarded"))) or []


def _settle_scheme(headers: Headers) -> None:
    """Of a trusted proxy: one scheme, or none."""
    if (headers.get(_PROTO) or "") not in {"http", "https"}:
        headers.remove(_PROTO)
