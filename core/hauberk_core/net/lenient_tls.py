"""TLS of listeners that ask clients for a certificate and let in also who shows none, or one that is not believed.

The standard library's `ssl` verifies whatever is shown and ends the handshake if that fails. So these listeners, and no others,
speak TLS by pyOpenSSL, whose OpenSSL asks us what it should think of a certificate. It is loaded with the first such listener.

What a client shows here proves nothing: a stream has no `peer_identity`, whatever its certificate says. That somebody was let in
who would not have been elsewhere is all that is told (`was_excused`).

Nor do sessions prove more than that: one that is resumed carries the certificate of its first handshake, which is not held
against the authorities again. They are kept by clients in tickets, never here, where any client could fill memory with
certificates.
"""

import os
from collections.abc import Sequence
from typing import Final

from OpenSSL import SSL

from hauberk_core.net.pem import PemFile
from hauberk_core.net.sockets import SocketStream
from hauberk_core.net.tls_context import CertificateChoice, SecureChain, server_context
from hauberk_core.net.tls_failure import failure_of, truncated
from hauberk_core.net.transport import HANDSHAKE_DONE, HANDSHAKE_WANTS_READ, HANDSHAKE_WANTS_WRITE, Security, Stream

# The largest plaintext of one TLS record (RFC 8446 section 5.1).
_RECORD: Final = 16384
_VERSIONS: Final = {"1.2": SSL.TLS1_2_VERSION, "1.3": SSL.TLS1_3_VERSION}
# Sessions of one proxy's contexts are each other's, as with `ssl`; OpenSSL wants a name for that where clients are asked.
_SESSIONS: Final = b"hauberk"


class _Client:
    """What a handshake has told of the client. The connection of OpenSSL and our stream both hold it, and so not each other."""

    __slots__ = ("asked", "is_believed", "is_judged")

    def __init__(self) -> None:
        self.asked = ""
        self.is_judged = False
        self.is_believed = True


class LenientStream(Stream):
    """A client's connection."""

    __slots__ = ("_client", "_context", "_ended", "_failure", "_inner", "_notified", "_notify_waits", "_tls")

    def __init__(self, inner: SocketStream, context: SSL.Context) -> None:
        self._inner: Final = inner
        # Kept for the callbacks in it, which a handshake needs also after it has gone over to another context.
        self._context: Final = context
        self._client: Final = _Client()
        self._tls: SSL.Connection | None = None
        self._failure: OSError | None = None
        self._ended = False
        """The peer's end was read behind octets, and is still to be told."""
        self._notified = False
        self._notify_waits = False

    def fileno(self) -> int:
        return self._inner.fileno()

    def handshake(self) -> int:
        tls = self._tls
        if tls is None:
            state = self._inner.handshake()
            if state != HANDSHAKE_DONE:
                return state
            tls = self._tls = SSL.Connection(self._context, self._inner.socket)
            tls.set_app_data(self._client)
            tls.set_accept_state()
        try:
            tls.do_handshake()
        except SSL.WantReadError:
            return HANDSHAKE_WANTS_READ
        except SSL.WantWriteError:
            return HANDSHAKE_WANTS_WRITE
        except SSL.Error as error:
            raise _explained(error) from error
        return HANDSHAKE_DONE

    def recv(self, size: int) -> bytes | None:
        if self._failure is not None:
            raise self._failure
        if self._ended:
            self._ended = False
            return b""
        data = self._read(min(size, _RECORD))
        if not data or size <= _RECORD:
            return data
        parts = [data]
        got = len(data)
        while got < size:
            try:
                more = self._read(_RECORD)
            except OSError as error:
                # What came before it is still good.
                self._failure = error
                break
            if not more:
                self._ended = more is not None
                break
            parts.append(more)
            got += len(more)
        return b"".join(parts)

    def send(self, data: bytes) -> int:
        tls = self._tls
        if tls is None:
            return 0
        sent = 0
        try:
            with memoryview(data) as view:
                while sent < len(data):
                    sent += tls.send(view[sent : sent + _RECORD])
        except (SSL.WantReadError, SSL.WantWriteError):
            return sent
        except SSL.Error as error:
            raise _explained(error) from error
        return sent

    def pending(self) -> int:
        if self._failure is not None or self._ended:
            return 1
        return 0 if self._tls is None else self._tls.pending()

    def shutdown_write(self) -> None:
        tls = self._tls
        if tls is None or self._notified:
            return
        self._notified = True
        try:
            # Once only: a second call would wait for the peer's close_notify, and take what comes before it for an error.
            tls.shutdown()
        except SSL.WantWriteError:
            self._notified = False
            self._notify_waits = True
            return
        except SSL.Error:  # the peer is gone, and that will be noticed by whoever reads
            pass
        self._notify_waits = False

    def shutdown_waits(self) -> bool:
        return self._notify_waits

    def reset_on_close(self) -> None:
        self._inner.reset_on_close()

    def close(self) -> None:
        self._tls = None
        self._inner.close()

    def alpn(self) -> str:
        return "" if self._tls is None else self._tls.get_alpn_proto_negotiated().decode("ascii", "replace")

    def server_name(self) -> str:
        return self._client.asked

    def was_excused(self) -> bool:
        client = self._client
        if client.is_judged:
            return not client.is_believed
        # Nobody was judged: nothing was shown, or a session goes on whose beginning was.
        return self._tls is not None and self._tls.get_peer_certificate() is None

    def is_secure(self) -> bool:
        return True

    def local_address(self) -> str:
        return self._inner.local_address()

    def peer_address(self) -> str:
        return self._inner.peer_address()

    def _read(self, size: int) -> bytes | None:
        tls = self._tls
        if tls is None:
            return None
        try:
            return tls.recv(size)
        except (SSL.WantReadError, SSL.WantWriteError):
            return None
        except SSL.ZeroReturnError:
            return b""
        except SSL.Error as error:
            raise _explained(error) from error


class LenientSecurity(Security):
    """Wraps connections with one context. A new certificate comes as a new object with a new context."""

    def __init__(self, context: SSL.Context) -> None:
        self._context: Final = context

    def wrap(self, stream: Stream, host: str) -> Stream:
        if not isinstance(stream, SocketStream):
            raise TypeError("TLS needs a stream over a socket of the kernel")
        return LenientStream(stream, self._context)


def lenient_security(chains: Sequence[SecureChain]) -> LenientSecurity:
    """The security of a listener with these chains, all of which take clients that prove nothing.

    Raises: ssl.SSLError, SSL.Error, ValueError if something cannot be loaded, or if the chains differ in what they must share.
    """
    choice = CertificateChoice(chains)
    contexts: list[list[SSL.Context | None]] = []
    for chain in chains:
        own: list[SSL.Context | None] = []
        own.extend([_context(chain, pem, key) for pem, key in chain.certificates])
        contexts.append(own)
    entry = contexts[choice.default][0]
    assert entry is not None
    # As in `tls_context`: the entry must not own itself.
    contexts[choice.default][0] = None
    entry.set_tlsext_servername_callback(_Selector(choice, contexts).select)
    return LenientSecurity(entry)


class _Selector:
    def __init__(self, choice: CertificateChoice, contexts: list[list[SSL.Context | None]]) -> None:
        self._choice: Final = choice
        self._contexts: Final = contexts

    def select(self, connection: SSL.Connection) -> None:
        asked = (connection.get_servername() or b"").decode("ascii", "replace")
        if asked:
            _client_of(connection).asked = asked
            chain, certificate = self._choice.place(asked)
            context = self._contexts[chain][certificate]
            if context is not None:
                connection.set_context(context)


def _context(chain: SecureChain, pem: bytes, key: bytes) -> SSL.Context:
    # What is wrong with a certificate, its key or the authorities, `ssl` says in the same words as for any other listener; and
    # its ciphers are what the others have.
    model = server_context(chain.transport, pem, key, chain.trust_pem)
    older = [cipher["name"] for cipher in model.get_ciphers() if cipher["protocol"] != "TLSv1.3"]
    newer = [cipher["name"] for cipher in model.get_ciphers() if cipher["protocol"] == "TLSv1.3"]
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(_VERSIONS[chain.transport.min_version])
    context.set_cipher_list(":".join([f"@SECLEVEL={model.security_level}", *older]).encode())
    context.set_tls13_ciphersuites(":".join(newer).encode())
    context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_CIPHER_SERVER_PREFERENCE)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    context.set_session_id(_SESSIONS)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    if chain.transport.alpn:
        ours = [protocol.encode() for protocol in chain.transport.alpn]
        # Without a common one the connection goes on, as with `ssl`.
        context.set_alpn_select_callback(lambda _, offered: _common(ours, offered) or SSL.NO_OVERLAPPING_PROTOCOLS)
    _load(context, chain.trust_pem, pem, key)
    context.set_verify(SSL.VERIFY_PEER, _judge)
    return context


def _common(ours: Sequence[bytes], offered: Sequence[bytes]) -> bytes:
    """The first of our protocols that a client offers; empty: there is none."""
    return next((protocol for protocol in ours if protocol in offered), b"")


def _load(context: SSL.Context, trust_pem: bytes, pem: bytes, key: bytes) -> None:
    for content, take in (
        (trust_pem, context.load_verify_locations),
        (pem, context.use_certificate_chain_file),
        (key, context.use_privatekey_file),
    ):
        file = PemFile(content)
        try:
            take(file.path)
        finally:
            file.close()


def _judge(connection: SSL.Connection, _certificate: object, _error: int, _depth: int, ok: int) -> bool:
    """Note what OpenSSL thinks of each certificate of a client's chain, and go on."""
    client = _client_of(connection)
    client.is_judged = True
    if not ok:
        client.is_believed = False
    return True


def _client_of(connection: SSL.Connection) -> _Client:
    client = connection.get_app_data()
    assert isinstance(client, _Client)
    return client


def _explained(error: SSL.Error) -> OSError:
    """The same failure in words for a person."""
    if isinstance(error, SSL.SysCallError):
        number = error.args[0]
        return OSError(number, os.strerror(number)) if number > 0 else truncated()
    queue = error.args[0] if error.args else []
    if not queue:
        return OSError("TLS failed")
    # Of several, the first is the cause. Newer versions of OpenSSL write of alerts otherwise than its names for them.
    reason = str(queue[0][2]).replace("ssl/tls alert", "sslv3 alert")
    return failure_of(reason.upper().replace(" ", "_"))
