"""The few facts about a certificate that choosing one by name, showing it to people, and knowing a peer by it need.

`ssl` decodes the peer's certificate, never one's own, and a library that does costs a worker several MiB. So the certificate's
DER is walked here as far as its extensions (RFC 5280 section 4.1). Nothing is verified: OpenSSL does that.
"""

import datetime as dt
import ipaddress
import ssl
from typing import Final, NamedTuple

_SEQUENCE: Final = 0x30
_INTEGER: Final = 0x02
_OCTET_STRING: Final = 0x04
_OBJECT_IDENTIFIER: Final = 0x06
_UTC_TIME: Final = 0x17
_GENERALIZED_TIME: Final = 0x18
_VERSION: Final = 0xA0
_EXTENSIONS: Final = 0xA3
_DNS_NAME: Final = 0x82
_URI: Final = 0x86
_IP_ADDRESS: Final = 0x87
_BOOLEAN: Final = 0x01
_BIT_STRING: Final = 0x03
_KEY_USAGE: Final = b"\x55\x1d\x0f"  # 2.5.29.15
_SUBJECT_ALTERNATIVE_NAME: Final = b"\x55\x1d\x11"  # 2.5.29.17
_BASIC_CONSTRAINTS: Final = b"\x55\x1d\x13"  # 2.5.29.19
# keyCertSign and cRLSign, the sixth and seventh bit of a key usage (RFC 5280 section 4.2.1.3).
_SIGNING_BITS: Final = 0x06

_PEM_BEGIN: Final = "-----BEGIN CERTIFICATE-----"
_PEM_END: Final = "-----END CERTIFICATE-----"


class CertificateFacts(NamedTuple):
    """What a certificate says of itself."""

    names: tuple[str, ...]
    """DNS names in lower case, perhaps with `*.` in front, and IP addresses."""
    serial: int
    not_before: dt.datetime
    not_after: dt.datetime


class PeerFacts(NamedTuple):
    """What a certificate says of whoever shows it."""

    uris: tuple[str, ...]
    """Its alternative names that are URIs, as they are written."""
    is_authority: bool
    """Whether it may sign certificates or revocation lists, or calls itself an authority."""


def read_certificate(chain_pem: bytes) -> CertificateFacts:
    """The facts of the first certificate in a PEM file.

    Raises: ValueError, with a sentence for a person, if there is none or it cannot be read.
    """
    der = first_certificate(chain_pem)
    try:
        return read_facts(der)
    except ValueError as error:
        raise ValueError(f"the first certificate cannot be read: {error}") from error


def read_peer(der: bytes) -> PeerFacts:
    """The facts of a certificate that a peer has shown.

    Raises: ValueError, with a sentence for a person, if it cannot be read.
    """
    uris: list[str] = []
    is_authority = False
    extensions = _extensions(_Reader(_Reader(_Reader(der).expect(_SEQUENCE)).expect(_SEQUENCE)))
    while not extensions.at_end():
        kind, content = _next_extension(extensions)
        if kind == _SUBJECT_ALTERNATIVE_NAME:
            alternatives = _Reader(_Reader(content).expect(_SEQUENCE))
            while not alternatives.at_end():
                tag, name = alternatives.next()
                if tag == _URI:
                    uris.append(name.decode("ascii", "replace"))
        elif kind == _BASIC_CONSTRAINTS:
            constraints = _Reader(_Reader(content).expect(_SEQUENCE))
            # Absent means false; DER writes true as 0xFF, and whoever writes otherwise is not given the benefit of the doubt.
            if constraints.peek() == _BOOLEAN and constraints.next()[1] != b"\x00":
                is_authority = True
        elif kind == _KEY_USAGE:
            bits = _Reader(content).expect(_BIT_STRING)
            if len(bits) > 1 and bits[1] & _SIGNING_BITS:
                is_authority = True
    return PeerFacts(tuple(uris), is_authority)


def first_certificate(chain_pem: bytes) -> bytes:
    """The first certificate of a PEM file, as DER.

    Raises: ValueError, with a sentence for a person, if there is none.
    """
    text = chain_pem.decode("ascii", "replace")
    begin = text.find(_PEM_BEGIN)
    end = text.find(_PEM_END, begin)
    if begin < 0 or end < 0:
        raise ValueError(f"no certificate in it; a PEM file has a line {_PEM_BEGIN}")
    try:
        return ssl.PEM_cert_to_DER_cert(text[begin : end + len(_PEM_END)])
    except ValueError as error:
        raise ValueError(f"the first certificate cannot be read: {error}") from error


def split_certificates(pem: bytes) -> list[bytes]:
    """Every certificate of a PEM file in its order, as DER; whatever else the file holds is passed over.

    Raises: ValueError if one is no PEM.
    """
    text = pem.decode("ascii", "replace")
    found: list[bytes] = []
    begin = text.find(_PEM_BEGIN)
    while begin >= 0:
        end = text.find(_PEM_END, begin)
        if end < 0:
            break
        end += len(_PEM_END)
        found.append(ssl.PEM_cert_to_DER_cert(text[begin:end]))
        begin = text.find(_PEM_BEGIN, end)
    return found


class _Reader:
    """Walks one level of DER; every read is checked against the end of the level."""

    def __init__(self, data: bytes) -> None:
        self._data: Final = data
        self._position = 0

    def at_end(self) -> bool:
        return self._position >= len(self._data)

    def peek(self) -> int:
        return -1 if self.at_end() else self._data[self._position]

    def next(self) -> tuple[int, bytes]:
        """Tag and content of the next value."""
        data = self._data
        start = self._position + 2
        if start > len(data):
            raise ValueError("it ends in the middle of a value")
        tag = data[self._position]
        size = data[self._position + 1]
        if size & 0x80:
            octets = size & 0x7F
            # Definite lengths only (X.690 section 10.1); four octets are more than any certificate has.
            if octets == 0 or octets > 4:
                raise ValueError("a length that DER does not have")
            size = int.from_bytes(data[start : start + octets], "big")
            start += octets
        end = start + size
        if end > len(data):
            raise ValueError("it ends in the middle of a value")
        self._position = end
        return tag, data[start:end]

    def expect(self, wanted: int) -> bytes:
        """The content of the next value, which must have this tag."""
        tag, content = self.next()
        if tag != wanted:
            raise ValueError(f"tag {tag:#x} where {wanted:#x} belongs")
        return content


def read_facts(der: bytes) -> CertificateFacts:
    """The facts of one certificate. Raises: ValueError if it cannot be read."""
    body = _Reader(_Reader(_Reader(der).expect(_SEQUENCE)).expect(_SEQUENCE))
    if body.peek() == _VERSION:
        body.next()
    serial = int.from_bytes(body.expect(_INTEGER), "big", signed=True)
    body.expect(_SEQUENCE)  # signature algorithm
    body.expect(_SEQUENCE)  # issuer
    validity = _Reader(body.expect(_SEQUENCE))
    not_before = _read_time(validity)
    not_after = _read_time(validity)
    return CertificateFacts(_read_names(_extensions(body)), serial, not_before, not_after)


def _extensions(body: _Reader) -> _Reader:
    """The extensions, which stand last in a certificate's body; none are an empty level."""
    while not body.at_end():
        tag, content = body.next()
        if tag == _EXTENSIONS:
            return _Reader(_Reader(content).expect(_SEQUENCE))
    return _Reader(b"")


def _next_extension(extensions: _Reader) -> tuple[bytes, bytes]:
    """Object identifier and value of the next extension."""
    extension = _Reader(extensions.expect(_SEQUENCE))
    kind = extension.expect(_OBJECT_IDENTIFIER)
    tag, content = extension.next()
    if tag != _OCTET_STRING:  # what stands between is the flag "critical"
        content = extension.expect(_OCTET_STRING)
    return kind, content


def _read_time(reader: _Reader) -> dt.datetime:
    tag, content = reader.next()
    text = content.decode("ascii", "replace")
    # RFC 5280 section 4.1.2.5: two-digit years from 50 on are the last century's; both forms end in Z.
    if tag == _UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text
    elif tag != _GENERALIZED_TIME:
        raise ValueError("its validity is no time")
    return dt.datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=dt.UTC)


def _read_names(extensions: _Reader) -> tuple[str, ...]:
    names: list[str] = []
    while not extensions.at_end():
        kind, content = _next_extension(extensions)
        if kind != _SUBJECT_ALTERNATIVE_NAME:
            continue
        alternatives = _Reader(_Reader(content).expect(_SEQUENCE))
        while not alternatives.at_end():
            tag, content = alternatives.next()
            if tag == _DNS_NAME:
                names.append(content.decode("ascii", "replace").lower())
            elif tag == _IP_ADDRESS:
                names.append(str(ipaddress.ip_address(content)))
    return tuple(names)
