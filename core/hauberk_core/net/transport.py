"""The second of the loop's three seams: where bytes come from and go to.

A `Transport` makes connections, a `Stream` is one; what datagrams need stands in `net/datagrams.py`. Nothing here waits: an
operation that would is answered with None (or with a wish to be told of readiness), and the loop calls again when the poller
says so.
"""

from typing import Final

from mypy_extensions import mypyc_attr

from hauberk_core.net.conduit import Conduit
from hauberk_core.net.datagrams import DatagramSocket
from hauberk_core.net.watched import Watched

HANDSHAKE_DONE: Final = 0
HANDSHAKE_WANTS_READ: Final = 1
HANDSHAKE_WANTS_WRITE: Final = 2


@mypyc_attr(allow_interpreted_subclasses=True)
class Stream(Watched):
    """One connection's two-way stream of octets, in the clear or inside TLS."""

    def handshake(self) -> int:
        """Go on with what must happen before octets flow: connecting, and TLS.

        Returns: HANDSHAKE_DONE, or which readiness it needs before the next call.
        Raises: OSError (ssl.SSLError is one) if it failed; the stream must then be closed.
        """
        raise NotImplementedError

    def may_be_plain(self) -> bool:
        """Whether the handshake waits for the peer's first octet, which may turn out to be no handshake at all."""
        return False

    def take_for_plain(self) -> None:
        """Do not wait for that octet any longer: `handshake` goes on without TLS."""

    def settled(self) -> "Stream":
        """The stream to go on with once the handshake is done: another one where the handshake was to find out which."""
        return self

    def recv(self, size: int) -> bytes | None:
        """Up to `size` octets; `b""` at the peer's end of stream; None if there are none yet.

        Raises: OSError if the connection is broken.
        """
        raise NotImplementedError

    def peek(self, size: int) -> bytes | None:
        """As `recv`, but what is returned is still there to be received. Of connections in the clear alone."""
        raise NotImplementedError

    def wake_at(self, size: int) -> None:
        """Let the poller call it readable only with so many octets, or at its end; 1: with any. In the clear alone."""
        raise NotImplementedError

    def send(self, data: bytes) -> int:
        """Hand over octets. Returns how many were taken, perhaps 0. Raises: OSError if the connection is broken.

        After 0 (TLS) the next call must be made with the same octets at its front.
        """
        raise NotImplementedError

    def conduit_to(self, sink: "Stream") -> Conduit | None:
        """A way by which what comes here goes to `sink` without anybody's reading it; None: there is none, as inside TLS.

        Nothing may be received by itself from here on, nor sent to `sink`.
        """
        return None

    def pending(self) -> int:
        """Octets already decrypted that the poller cannot know of."""
        return 0

    def shutdown_write(self) -> None:
        """Say that nothing more will be sent; receiving goes on. A failure means the peer is gone and is not reported."""
        raise NotImplementedError

    def shutdown_waits(self) -> bool:
        """Whether the peer must take octets before `shutdown_write`, called again, can say it (TLS)."""
        return False

    def keep_alive(self, probes: int, idle: int, interval: int) -> None:
        """Have the kernel ask a silent peer whether it is still there.

        Args: probes - unanswered ones before the connection is given up; idle, interval - seconds before the first, and between
            two; of each, 0: as the system has it.
        """

    def reset_on_close(self) -> None:
        """Let `close` reset the connection, so that the peer cannot take what it has received for complete."""

    def alpn(self) -> str:
        """The protocol agreed on inside TLS, or empty."""
        return ""

    def server_name(self) -> str:
        """The name the peer asked for in TLS (SNI), or empty."""
        return ""

    def note_server_name(self, name: str) -> None:
        """Keep the name that was read in octets which pass as they are: `server_name` tells it from now on."""
        raise NotImplementedError

    def note_addresses(self, peer: str, local: str) -> None:
        """Tell these addresses from now on, `host:port` each: a proxy in front has said whose connection it is."""
        raise NotImplementedError

    def peer_identity(self) -> str:
        """The identity that the peer's certificate proved (a SPIFFE id), or empty."""
        return ""

    def peer_certificate(self) -> bytes:
        """The certificate, in DER, that the peer has proved to have; empty: none."""
        return b""

    def was_excused(self) -> bool:
        """Whether the peer was asked for a certificate, showed none that is believed, and was let in all the same."""
        return False

    def is_secure(self) -> bool:
        """Whether the octets travel inside TLS."""
        return False

    def original_destination(self) -> tuple[str, int]:
        """Where an accepted connection was going before rules of the kernel led it here; if none did, this end's own address.

        Returns: a numeric host, IPv6 without brackets, and a port; an empty host where that cannot be told.
        """
        return "", 0

    def local_address(self) -> str:
        """`host:port` of this end, for logs."""
        raise NotImplementedError

    def peer_address(self) -> str:
        """`host:port` of the other end, for logs."""
        raise NotImplementedError


@mypyc_attr(allow_interpreted_subclasses=True)
class Listening(Watched):
    """A listening address that connections are accepted from."""

    def accept(self) -> Stream | None:
        """The next connection, without any TLS, or None if there is none.

        Raises: OSError with EMFILE, ENFILE, ENOBUFS or ENOMEM when this machine has run out of something.
        """
        raise NotImplementedError

    def port(self) -> int:
        """The port that clients connect to."""
        raise NotImplementedError


@mypyc_attr(allow_interpreted_subclasses=True)
class Transport:
    """Makes streams, and sockets for datagrams."""

    def connect(self, host: str, port: int, source: str = "") -> Stream:
        """Begin to connect to a numeric address; `Stream.handshake` goes on with it.

        Args: source - the address of this machine that the connection shall come from, of the same family; empty: any.
        Raises: OSError if it failed at once.
        """
        raise NotImplementedError

    def open_datagrams(self, host: str, port: int, source: str = "") -> DatagramSocket:
        """A socket for datagrams to a numeric address and from it. Args: source - as of `connect`. Raises: OSError."""
        raise NotImplementedError


@mypyc_attr(allow_interpreted_subclasses=True)
class Security:
    """Wraps a plain stream in TLS. A new certificate means a new object: existing streams keep theirs."""

    def wrap(self, stream: Stream, host: str) -> Stream:
        """The same connection inside TLS, its handshake still to be done.

        Args: host - on a client, the endpoint's host, used where no server name is configured.
        """
        raise NotImplementedError

    def keeps(self, stream: Stream) -> bool:
        """Whether a connection that was made under another configuration may go on under this one."""
        return False

    def pool_key(self) -> bytes:
        """On a client, what connections must have in common to carry each other's requests; empty: this very object."""
        return b""
