"""Streams inside TLS, by the standard library's `ssl` on the raw descriptor.

Ending: `close_notify` tells the peer that nothing was cut off (RFC 8446 section 6.1), and its absence is an error here as well: a
body that ends with its connection would otherwise be complete wherever somebody cuts the wire (RFC 9112 section 9.8). `ssl` sends
it only together with a read that throws application data away. So on Linux it is written where there is nothing to be read, and
the octets are then sent as they are; elsewhere what has come is read and kept first, which leaves a moment in which octets that
arrive are lost, and the connection with them.
"""

import os
import select
import socket
import ssl
import sys
from typing import Final

from hauberk_core.net.sockets import LINGER_ZERO, SocketStream
from hauberk_core.net.tls_failure import CertificateRefused, failure_of, truncated
from hauberk_core.net.transport import HANDSHAKE_DONE, HANDSHAKE_WANTS_READ, HANDSHAKE_WANTS_WRITE, Security, Stream

# The largest plaintext of one TLS record (RFC 8446 section 5.1).
_RECORD: Final = 16384
# Whether a descriptor may stand for another file for a moment: kqueue would forget what it watches.
_CAN_STAND_IN: Final = sys.platform == "linux"
# Far more than an alert has.
_LARGEST_ALERT: Final = 4096
# Records that are read and kept before close_notify is sent. A peer that has sent more gets it when they have been read.
_KEPT_RECORDS: Final = 16


class TlsStream(Stream):
    """A TCP connection that speaks TLS once it stands."""

    __slots__ = (
        "_alert",
        "_closed",
        "_context",
        "_failure",
        "_host",
        "_inner",
        "_kept",
        "_may_have_more",
        "_notified",
        "_notify_waits_for_reading",
        "_notify_waits_for_writing",
        "_server_side",
        "_tls",
    )

    def __init__(self, inner: SocketStream, context: ssl.SSLContext, server_side: bool, host: str) -> None:
        self._inner: Final = inner
        self._context: Final = context
        self._server_side: Final = server_side
        self._host: Final = host
        self._tls: ssl.SSLSocket | None = None
        self._closed = False
        self._kept: Final[list[bytes]] = []
        self._may_have_more = False
        """The last read got as much as it asked for, so that its record may go on."""
        self._failure: OSError | None = None
        self._notify_waits_for_reading = False
        self._notify_waits_for_writing = False
        self._notified = False
        self._alert = b""
        """What is left of close_notify to be sent."""

    def fileno(self) -> int:
        return self._inner.fileno() if self._tls is None else self._tls.fileno()

    def handshake(self) -> int:
        if self._tls is None:
            state = self._inner.handshake()
            if state != HANDSHAKE_DONE:
                return state
            self._tls = self._wrap()
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return HANDSHAKE_WANTS_READ
        except ssl.SSLWantWriteError:
            return HANDSHAKE_WANTS_WRITE
        except ssl.SSLError as error:
            raise _explained(error) from error
        return HANDSHAKE_DONE

    def recv(self, size: int) -> bytes | None:
        tls = self._tls
        if tls is None:
            return None
        if self._kept:
            data: bytes | None = self._kept.pop(0)
        elif self._failure is not None:
            raise self._failure
        else:
            data = self._read(tls, min(size, _RECORD))
            if data and size > _RECORD:
                data = self._read_more(tls, data, size)
        if self._notify_waits_for_reading and not self._kept and not tls.pending() and not _is_readable(tls.fileno()):
            # With nothing more to read the poller would be silent, and close_notify wait for ever.
            self._notify(tls)
        return data

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
        except ssl.SSLEOFError as error:
            # By this `ssl` tells of any failure of the kernel's.
            raise BrokenPipeError("the peer has closed the connection") from error
        except ssl.SSLError as error:
            raise _explained(error) from error
        except ValueError as error:
            raise BrokenPipeError("both sides have ended the connection") from error
        return sent

    def pending(self) -> int:
        if self._kept or self._failure is not None:
            return 1
        tls = self._tls
        return 0 if tls is None or not self._may_have_more else tls.pending()

    def shutdown_write(self) -> None:
        tls = self._tls
        if tls is None:
            return
        if _CAN_STAND_IN:
            self._notify_apart(tls)
            return
        if self._notify_waits_for_writing:
            self._notify(tls)
            return
        self._notify_waits_for_reading = True
        try:
            for _ in range(_KEPT_RECORDS):
                data = self._read(tls, _RECORD)
                if data is None:
                    return
                self._kept.append(data)
                if not data:
                    self._notify(tls)
                    return
        except OSError as error:
            self._failure = error

    def shutdown_waits(self) -> bool:
        return self._notify_waits_for_writing or bool(self._alert)

    def _notify_apart(self, tls: ssl.SSLSocket) -> None:
        """Send close_notify, which does not touch what the peer has sent and is sending."""
        try:
            while tls.pending():
                # Already decrypted, it would count as read.
                data = self._read(tls, _RECORD)
                if data is None:
                    break
                self._kept.append(data)
            if not self._notified:
                self._notified = True
                self._alert = _alert_of(tls)
            if self._alert:
                self._alert = self._alert[os.write(tls.fileno(), self._alert) :]
        except BlockingIOError:
            return
        except OSError:
            # The peer is gone, and that will be noticed by whoever reads.
            self._alert = b""

    def reset_on_close(self) -> None:
        tls = self._tls
        if tls is None:
            self._inner.reset_on_close()
            return
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

    def peer_certificate(self) -> bytes:
        """What the peer has shown, in DER; empty if nothing."""
        tls = self._tls
        return b"" if tls is None else tls.getpeercert(True) or b""

    def _wrap(self) -> ssl.SSLSocket:
        inner = self._inner
        # For the logs, while the socket can still say it.
        inner.local_address()
        # `wrap_socket` takes the descriptor before it looks at anything, and if it then raises leaves it to nobody. So what it
        # could object to is looked at here: whether the peer is still there, and the server's name.
        inner.socket.getpeername()
        name = None
        if not self._server_side:
            name = self._host or None
            try:
                if self._context.check_hostname or name is not None:
                    self._context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname=self._host)
            except ValueError as error:
                raise OSError(f"{self._host!r} cannot be asked for as a server name: {error}") from error
        # The number of the descriptor stays; only the object that owns it changes.
        return self._context.wrap_socket(
            inner.socket,
            server_side=self._server_side,
            do_handshake_on_connect=False,
            suppress_ragged_eofs=False,
            server_hostname=name,
        )

    def _read(self, tls: ssl.SSLSocket, size: int) -> bytes | None:
        try:
            data = tls.read(size)
        except ssl.SSLWantReadError:
            self._may_have_more = False
            if self._notify_waits_for_reading:
                self._notify(tls)
            return None
        except ssl.SSLWantWriteError:
            return None
        except (ssl.SSLZeroReturnError, ValueError):  # both sides have said close_notify
            return b""
        except ssl.SSLError as error:
            raise _explained(error) from error
        self._may_have_more = len(data) >= size
        return data

    def _read_more(self, tls: ssl.SSLSocket, data: bytes, size: int) -> bytes:
        """Go on behind `data` up to about `size`, one record a call; an end or an error waits for the next `recv`."""
        parts = [data]
        got = len(data)
        while got < size:
            try:
                more = self._read(tls, _RECORD)
            except OSError as error:
                self._failure = error
                break
            if more is None:
                break
            if not more:
                self._kept.append(more)
                break
            parts.append(more)
            got += len(more)
        return data if len(parts) == 1 else b"".join(parts)

    def _notify(self, tls: ssl.SSLSocket) -> None:
        """Send close_notify. `unwrap` then wants the peer's as well, which nobody needs."""
        self._notify_waits_for_reading = False
        self._notify_waits_for_writing = False
        try:
            tls.unwrap()
        except ssl.SSLWantWriteError:
            self._notify_waits_for_writing = True
        except ssl.SSLError as error:
            if _reason(error) == "APPLICATION_DATA_AFTER_CLOSE_NOTIFY":
                self._failure = _explained(error)
        except (OSError, ValueError):
            return

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


def _alert_of(tls: ssl.SSLSocket) -> bytes:
    """The octets of close_notify. While `ssl` makes them, a socket with nothing to be read stands in for the connection's.

    Raises: OSError if there are no descriptors left.
    """
    descriptor = tls.fileno()
    ours, stand_in = socket.socketpair()
    try:
        ours.setblocking(False)
        stand_in.setblocking(False)
        kept = os.dup(descriptor)
        try:
            os.dup2(stand_in.fileno(), descriptor, False)
            try:
                tls.unwrap()
            except (OSError, ValueError):  # it waits for the peer's, which nobody needs
                pass
            finally:
                os.dup2(kept, descriptor, False)
        finally:
            os.close(kept)
        try:
            return ours.recv(_LARGEST_ALERT)
        except BlockingIOError:
            return b""
    finally:
        ours.close()
        stand_in.close()


def _is_readable(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def _reason(error: ssl.SSLError) -> str:
    """OpenSSL's word for what happened, or empty: where `ssl` has none it breaks its own types, which compiled code minds."""
    reason: object = getattr(error, "reason", None)
    return reason if isinstance(reason, str) else ""


def _explained(error: ssl.SSLError) -> OSError:
    """The same failure in words for a person."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return CertificateRefused(f"the peer's certificate is not believed: {error.verify_message}")
    reason = _reason(error)
    if not reason:
        return error if not isinstance(error, ssl.SSLEOFError) else truncated()
    return failure_of(reason)
