"""Streams between proxies of the mesh: their handshake ends with knowing the peer, or fails and is noted."""

import ssl
from typing import Final

from hauberk_core.net.detect import DetectingStream
from hauberk_core.net.sockets import SocketStream
from hauberk_core.net.tls import TlsStream
from hauberk_core.net.transport import HANDSHAKE_DONE
from hauberk_mtls.context import ALPN_PREFIX
from hauberk_mtls.peer import ExpectedPeers
from hauberk_mtls.refusals import Refusals


class MeshStream(TlsStream):
    """A connection inside the mesh's TLS, from either end."""

    __slots__ = ("_expected", "_identity", "_is_client", "_refusals")

    def __init__(
        self,
        inner: SocketStream,
        context: ssl.SSLContext,
        is_client: bool,
        name: str,
        expected: ExpectedPeers,
        refusals: Refusals,
    ) -> None:
        """Args: name - what a client sends as SNI; empty: nothing."""
        super().__init__(inner, context, not is_client, name)
        self._is_client: Final = is_client
        self._expected: Final = expected
        self._refusals: Final = refusals
        self._identity = ""

    def handshake(self) -> int:
        try:
            state = super().handshake()
            if state == HANDSHAKE_DONE:
                self._identity = self._expected.identify(self.peer_certificate())
        except OSError as error:
            self._refusals.note(self.peer_address(), self._is_client, error)
            raise
        return state

    def alpn(self) -> str:
        # Announced twice; what is spoken is the same.
        return super().alpn().removeprefix(ALPN_PREFIX)

    def peer_identity(self) -> str:
        return self._identity


class AcceptedStream(DetectingStream):
    """A connection that was accepted: a proxy's, or where that is allowed, a plain one."""

    __slots__ = ("_refusals",)

    def __init__(
        self, plain: SocketStream, secure: MeshStream, takes_plain: bool, own_protocols: tuple[bytes, ...], refusals: Refusals
    ) -> None:
        """Args: own_protocols - as `DetectingStream` has them."""
        super().__init__(plain, secure, takes_plain, own_protocols)
        self._refusals: Final = refusals

    def plaintext_refused(self, error: OSError) -> None:
        self._refusals.note(self.peer_address(), False, error)
