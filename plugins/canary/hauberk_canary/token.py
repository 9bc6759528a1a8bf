"""Session tokens: what a client holds so that its next request finds the same endpoint.

A token is 36 octets in base64url: a version, when the session began and was last used (seconds since 1970), a tag for the
endpoint, and an authentication code over all of it. Tag and code are keyed hashes (BLAKE2b, RFC 7693), so that a token tells
nobody which endpoints there are, nobody but us can make one, and one of another scope is nothing here. It names no place by
itself: the tag is only compared with those of the endpoints that the request's own route leads to.
"""

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from hashlib import blake2b
from hmac import compare_digest
from typing import Final

_VERSION: Final = 1
_TAG_OCTETS: Final = 12
_CODE_OCTETS: Final = 15
_CODE_FROM: Final = 9 + _TAG_OCTETS
# Three octets are four characters, and 36 is a multiple of three: there is no padding.
LENGTH: Final = 48
# Clocks of proxies that share a secret may differ by so much.
CLOCK_SKEW: Final = 60
_LATEST: Final = (1 << 32) - 1


class Session:
    """What a token says."""

    __slots__ = ("began", "tag", "used")

    def __init__(self, began: int, used: int, tag: bytes) -> None:
        self.began: Final = began
        """Seconds since 1970."""
        self.used: Final = used
        """The same, of the request before."""
        self.tag: Final = tag
        """Stands for the endpoint."""


class Sealer:
    """Makes and reads the tokens of one scope."""

    __slots__ = ("_key",)

    def __init__(self, secret: str, scope: str) -> None:
        """Args: secret - as long as a secret should be, any text; scope - what its tokens are good for."""
        digest = blake2b(secret.encode(), digest_size=32, person=b"hauberk-session")
        digest.update(b"\0" + scope.encode())
        self._key: Final = digest.digest()

    def tag(self, address: str) -> bytes:
        """What stands for an endpoint in tokens of this scope."""
        return blake2b(address.encode(), digest_size=_TAG_OCTETS, key=self._key, person=b"endpoint").digest()

    def seal(self, session: Session) -> str:
        """The token that says `session`: LENGTH characters, all of them allowed in cookies and header fields."""
        head = struct.pack(">BII", _VERSION, session.began & _LATEST, session.used & _LATEST) + session.tag
        return urlsafe_b64encode(head + self._code(head)).decode("ascii")

    def open(self, token: str) -> Session | None:
        """What a token says, or None: it is none of ours."""
        if len(token) != LENGTH or not token.isascii():
            return None
        try:
            octets = urlsafe_b64decode(token.encode("ascii"))
        except Base64Error:
            return None
        if len(octets) != _CODE_FROM + _CODE_OCTETS:
            return None
        head = octets[:_CODE_FROM]
        if not compare_digest(self._code(head), octets[_CODE_FROM:]) or head[0] != _VERSION:
            return None
        return Session(int.from_bytes(head[1:5], "big"), int.from_bytes(head[5:9], "big"), head[9:])

    def _code(self, head: bytes) -> bytes:
        return blake2b(head, digest_size=_CODE_OCTETS, key=self._key, person=b"token").digest()
