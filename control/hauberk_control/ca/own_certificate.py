"""The certificate that a server of control's own presents, made anew before it ends."""

import datetime as dt
import threading
from collections.abc import Sequence
from typing import Final, NamedTuple

from hauberk_control.ca.authority import Authority
from hauberk_core.agent.identity.key import make_key, write_key


class Presented(NamedTuple):
    """What a server presents, and whom it believes; each is PEM."""

    key: bytes
    chain: bytes
    trust: bytes


class OwnCertificate:
    """Control's certificate with its key, made anew when half its life is over or the authority's roots have changed.

    May be used from several threads.
    """

    def __init__(self, authority: Authority, names: Sequence[str]) -> None:
        """Prepare. Args: names - IP addresses and DNS names by which the server is dialled."""
        self._authority: Final = authority
        self._names: Final = tuple(names)
        self._lock: Final = threading.Lock()
        self._trust = b""
        self._renew_at = dt.datetime.min.replace(tzinfo=dt.UTC)

    def next(self) -> Presented | None:
        """What to present from the next handshake on; None where nothing has changed.

        Raises: AuthorityError.
        """
        with self._lock:
            now = self._authority.now()
            trust = self._authority.trust_pem()
            if now < self._renew_at and trust == self._trust:
                return None
            key = make_key()
            issued = self._authority.sign_server(key.public_key(), self._names, self._authority.longest_validity)
            self._trust = trust
            self._renew_at = now + (issued.not_after - now) / 2
            return Presented(write_key(key), "".join(issued.chain).encode(), trust)
