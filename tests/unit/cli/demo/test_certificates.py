import ssl
from pathlib import Path

import pytest
from tls_handshake import shake_hands

from hauberk_cli.demo.certificates import ADDRESSES, NAMES, make_certificates


def _handshake(name: str, folder: Path) -> None:
    made = make_certificates()
    shake_hands(made.chain, made.key, made.authority, name, folder)


@pytest.mark.parametrize("name", [*NAMES, *ADDRESSES])
def test_clients_that_trust_the_authority_believe_every_name(tmp_path: Path, name: str) -> None:
    _handshake(name, tmp_path)


def test_other_names_are_not_believed(tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        _handshake("elsewhere.localhost", tmp_path)
