"""What a secured end of a connection proves itself with, and whom it believes."""

from typing import Final


class Identity:
    """The material of one filter chain or cluster, as PEM."""

    __slots__ = ("chain_pem", "is_listener", "key_pem", "trust_pem")

    def __init__(self, is_listener: bool, chain_pem: bytes, key_pem: bytes, trust_pem: bytes) -> None:
        """Args: chain_pem, key_pem - of the certificate that is presented; trust_pem - the authorities that are believed.
        Each is empty where the configuration names none."""
        self.is_listener: Final = is_listener
        """Whether connections are accepted (else they are made)."""
        self.chain_pem: Final = chain_pem
        self.key_pem: Final = key_pem
        self.trust_pem: Final = trust_pem
