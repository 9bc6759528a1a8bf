"""How the bytes of a connection are carried: in the clear, or inside TLS."""

from typing import Literal

import msgspec


class Certificate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A certificate chain with its key, as two PEM files.

    The agent reads the files and rereads them when they change; a path is relative to the configuration file's folder.
    """

    chain_file: str
    key_file: str


class TransportConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The security of a listener's filter chain (it terminates TLS) or of a cluster (it originates TLS)."""

    security: Literal["plain", "tls"] = "plain"
    certificates: tuple[str, ...] = ()
    """Names from the snapshot's `certificates`: a listener picks among them by SNI, a cluster presents the first."""
    server_name: str = ""
    """Cluster only: the name sent as SNI and expected in the peer's certificate; empty: the endpoint's host."""
    trust_file: str = ""
    """PEM bundle of the authorities believed; empty: the system's. On a listener it asks clients for a certificate."""
    verify: bool = True
    """Cluster only: False accepts any certificate; for tests and one-line use, and said in the log."""
    alpn: tuple[str, ...] = ("http/1.1",)
    min_version: Literal["1.2", "1.3"] = "1.2"
