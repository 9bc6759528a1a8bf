"""How the bytes of a connection are carried: in the clear, inside TLS, or inside the TLS by which proxies know each other."""

from typing import Literal

import msgspec


class Certificate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A certificate chain with its key, as two PEM files.

    The agent reads the files and rereads them when they change; a path is relative to the configuration file's folder.
    """

    chain_file: str
    """The certificate, then those that lead to a root."""
    key_file: str
    """The certificate's private key, without a passphrase."""


class TransportConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The security of a listener's filter chain (it terminates TLS) or of a cluster (it originates TLS)."""

    security: Literal["plain", "tls", "mesh"] = "plain"
    """`mesh`: both ends prove by SPIFFE identity who they are; a plugin provides it."""
    mode: Literal["strict", "permissive"] = "strict"
    """Listener with `mesh` only: `permissive` also takes plain connections, told apart by their first octets."""
    foreign_tls: Literal["refuse", "pass"] = "refuse"
    """Listener with `mesh`, permissive, that may pass octets: `pass` takes TLS of applications' own as plain octets. The
    protocols that a client offers (ALPN) tell whose it is."""
    identities: tuple[str, ...] = ()
    """With `mesh`, the SPIFFE IDs the peer may have. A cluster needs at least one; a listener without any
    takes its whole trust domain."""
    certificates: tuple[str, ...] = ()
    """Names from the snapshot's `certificates`: a listener picks among them by SNI, a cluster presents the first.
    With `mesh`, what the proxy's own identity is called; it is in no snapshot."""
    server_name: str = ""
    """Cluster only: the name sent as SNI and expected in the peer's certificate; empty: the endpoint's host."""
    trust_file: str = ""
    """PEM bundle of the authorities believed; empty: the system's. On a listener clients must show a certificate of theirs.
    With `mesh`, the name under which the mesh's own are held in memory."""
    trust_pem: str = ""
    """The same bundle itself, in place of a file."""
    unproven_clients: Literal["refuse", "take"] = "refuse"
    """Listener with `tls` and authorities: `take` lets in also clients that show no certificate, or one that is not believed.
    None is then taken for whom a certificate names. For the time in which not every client has one yet."""
    subject_alt_names: tuple[str, ...] = ()
    """Cluster only: host names (perhaps `*.name`) and URIs, of which the peer's certificate must have one; empty: `server_name`,
    which otherwise is only asked for."""
    verify: bool = True
    """Cluster only: False accepts any certificate; for tests and one-line use, and said in the log."""
    alpn: tuple[str, ...] = ("http/1.1",)
    """Protocols offered, the preferred one first (RFC 7301)."""
    min_version: Literal["1.2", "1.3"] = "1.2"
    """The oldest version of TLS that is spoken."""
