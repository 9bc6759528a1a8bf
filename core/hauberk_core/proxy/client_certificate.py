"""`X-Forwarded-Client-Cert`: which certificate a client has proved to have, in the form and by the modes of Envoy.

An element has the SHA-256 of the certificate (`Hash`) and its URIs and DNS names; elements of earlier hops stand before it.
"""

import hashlib
import string
from typing import Final

from hauberk_core.http.headers import Headers
from hauberk_core.model.address import is_ip_address
from hauberk_core.net.transport import Stream
from hauberk_core.net.x509 import read_facts, read_peer

_NAME: Final = "x-forwarded-client-cert"
# What stands in an element without quotes, and cannot be taken for the next one.
_PLAIN: Final = frozenset(string.ascii_letters + string.digits + "-._~:/?#[]@!$&'()*+%")


def element_of(stream: Stream) -> str:
    """What is known of the client's certificate; empty: it has proved none."""
    der = stream.peer_certificate()
    identity = stream.peer_identity()
    parts: list[str] = []
    uris: list[str] = [identity] if identity else []
    names: list[str] = []
    if der:
        parts.append("Hash=" + hashlib.sha256(der).hexdigest())
        if not identity:
            try:
                uris = list(read_peer(der).uris)
                names = [name for name in read_facts(der).names if not is_ip_address(name)]
            except ValueError:
                names = []
    for uri in uris:
        if _PLAIN.issuperset(uri):
            parts.append("URI=" + uri)
    for name in names:
        if _PLAIN.issuperset(name):
            parts.append("DNS=" + name)
    return ";".join(parts)


class CertificateField:
    """What becomes of the field in the requests of one filter chain."""

    __slots__ = ("_keeps", "_tells")

    def __init__(self, mode: str) -> None:
        """Args: mode - `sanitize`, `forward_only`, `append_forward` or `sanitize_set`."""
        self._keeps: Final = mode in ("forward_only", "append_forward")
        self._tells: Final = mode in ("append_forward", "sanitize_set")

    def settle(self, headers: Headers, element: str) -> None:
        """Leave of the field what may go on. Args: element - of the connection's client; empty: it has proved nothing."""
        names = headers.names
        lines = headers.lines
        kept = ""
        for index in range(len(names) - 1, -1, -1):
            name = names[index]
            # In any spelling: behind an interface of the CGI kind `_` is `-`.
            if len(name) == len(_NAME) and name.replace("_", "-") == _NAME:
                if self._keeps and element and name == _NAME:
                    value = lines[index][len(_NAME) + 2 :]
                    kept = value + "," + kept if kept else value
                del names[index]
                del lines[index]
        if self._tells and element:
            kept = kept + "," + element if kept else element
        if kept:
            names.append(_NAME)
            lines.append(_NAME + ": " + kept)
