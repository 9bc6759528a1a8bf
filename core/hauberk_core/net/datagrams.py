"""Datagrams, as far as the loop's transport seam goes: where they come in, and where each session's go on to."""

from mypy_extensions import mypyc_attr

from hauberk_core.net.watched import Watched

LARGEST_DATAGRAM = 65_535
"""Octets: no UDP datagram has as many (RFC 768: the length field counts the header too)."""

DatagramPath = tuple[str, int, int, int, bytes]
"""Between whom a datagram travelled: the peer's numeric host, port, flow and scope (these two of IPv6, else 0), and the address
of ours that it was sent to, packed; empty where there is only one. An answer must come from that address."""


@mypyc_attr(allow_interpreted_subclasses=True)
class DatagramListening(Watched):
    """An address of ours that clients send to."""

    def receive(self) -> tuple[bytes, DatagramPath] | None:
        """The next datagram, perhaps an empty one; None if there is none now, or none that could be received."""
        raise NotImplementedError

    def send(self, data: bytes, path: DatagramPath) -> bool:
        """Answer along `path`. Returns: False if the datagram is lost, because it is too long, or for want of room."""
        raise NotImplementedError

    def local_address(self, path: DatagramPath) -> str:
        """`host:port` of ours that a datagram was sent to, for logs."""
        raise NotImplementedError


@mypyc_attr(allow_interpreted_subclasses=True)
class DatagramSocket(Watched):
    """A socket of one session, connected to one endpoint: nobody else's datagrams arrive there."""

    def send(self, data: bytes) -> bool:
        """Send. Returns: False if the datagram is lost, because it is too long, or for want of room.

        Raises: OSError if the endpoint was not there for an earlier one; this one was not sent.
        """
        raise NotImplementedError

    def receive(self) -> bytes | None:
        """The next datagram, perhaps an empty one; None if there is none now.

        Raises: OSError if the endpoint was not there for an earlier one that was sent.
        """
        raise NotImplementedError

    def local_address(self) -> str:
        """`host:port` of this end, for logs."""
        raise NotImplementedError


def peer_host(path: DatagramPath) -> str:
    """The peer's host, IPv6 without brackets; one of IPv4 in IPv4's own form."""
    host = path[0]
    return host[7:] if host.startswith("::ffff:") and "." in host else host


def peer_address(path: DatagramPath) -> str:
    """The peer's `host:port`."""
    host = peer_host(path)
    return f"[{host}]:{path[1]}" if ":" in host else f"{host}:{path[1]}"
