"""Streams inside TLS, by the standard library's `ssl` on the raw descriptor."""

import socket
import ssl
from typing import Final

from hauberk_core.net.sockets import LINGER_ZERO, SocketStream
from hauberk_core.net.transport import HANDSHAKE_DONE, HANDSHAKE_WANTS_READ, HANDSHAKE_WANTS_WRITE, Security, Stream

# The largest plaintext of one TLS record (RFC 8446 section 5.1).
_RECORD: Final = 16384


class TlsStream(Stream):
    """A TCP connection that speaks TLS once it stands."""

    __slots__ = ("_closed", "_context", "_host", "_inner", "_server_side", "_tls")

    def __init__(self, inner: SocketStream, context: ssl.SSLContext, server_side: bool, host: str) -> None:
        self._inner: Final = inner
        self._context: Final = context
        self._server_side: Final = server_side
        self._host: Final = host
        self._tls: ssl.SSLSocket | None = None
        self._closed = False

    def fileno(self) -> int:
        return self._inner.fileno() if self._tls is None else self._tls.fileno()

    def handshake(self) -> int:
        if self._tls is None:
            state = self._inner.handshake()
            if state != HANDSHAKE_DONE:
                return state
            # The number of the descriptor stays; only the object that owns it changes.
            self._inner.local_address()
            self._tls = self._context.wrap_socket(
                self._inner.socket,
                server_side=self._server_side,
                do_handshake_on_connect=False,
                server_hostname=None if self._server_side else self._host,
            )
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return HANDSHAKE_WANTS_READ
        except ssl.SSLWantWriteError:
            return HANDSHAKE_WANTS_WRITE
        return HANDSHAKE_DONE

    def recv(self, size: int) -> bytes | None:
        tls = self._tls
        if tls is None:
            return None
        try:
            return tls.read(size)
        except ssl.SSLWantReadError:
            return None
        except ssl.SSLWantWriteError:
            return None

    def send(self, data: bytes) -> int:
        tls = self._tls
        if tls is None:
            return 0
        sent = 0
        try:
            if len(data) <= _RECORD:
                return tls.write(data)
            # OpenSSL takes one record a call; a view saves copying what remains.
            with memoryview(data) as view:
                while sent < len(data):
                    sent += tls.write(view[sent : sent + _RECORD])
        except ssl.SSLWantWriteError:
            return sent
        except ssl.SSLWantReadError:
            return sent
        return sent

    def pending(self) -> int:
        tls = self._tls
        return 0 if tls is None else tls.pending()

    def shutdown_write(self) -> None:
        # close_notify is a courtesy: `unwrap` sends it at its first call, and would then wait for the peer's, which nobody needs.
        tls = self._tls
        if tls is not None:
            try:
                tls.unwrap()
            except (OSError, ValueError):
                return

    def reset_on_close(self) -> None:
        tls = self._tls
        if tls is not None:
            try:
                tls.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
            except OSError:
                return

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        tls = self._tls
        if tls is None:
            self._inner.close()
            return
        try:
            tls.close()
        except OSError:
            return

    def alpn(self) -> str:
        tls = self._tls
        return "" if tls is None else tls.selected_alpn_protocol() or ""

    def server_name(self) -> str:
        tls = self._tls
        return "" if tls is None or not self._server_side else tls.server_hostname or ""

    def is_secure(self) -> bool:
        return True

    def local_address(self) -> str:
        return self._inner.local_address()

    def peer_address(self) -> str:
        return self._inner.peer_address()


class TlsSecurity(Security):
    """Wraps connections with one TLS context. A new certificate comes as a new object with a new context."""

    def __init__(self, context: ssl.SSLContext, server_side: bool, server_name: str) -> None:
        self._context: Final = context
        self._server_side: Final = server_side
        self._server_name: Final = server_name

    def wrap(self, stream: Stream, host: str) -> Stream:
        if not isinstance(stream, SocketStream):
            raise TypeError("TLS needs a stream over a socket of the kernel")
        return TlsStream(stream, self._context, self._server_side, self._server_name or host)
