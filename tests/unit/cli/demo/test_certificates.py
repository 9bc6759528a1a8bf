import ssl
from pathlib import Path

import pytest

from hauberk_cli.demo.certificates import ADDRESSES, NAMES, Certificates, make_certificates


def _handshake(made: Certificates, name: str, folder: Path) -> None:
    """A whole TLS handshake in memory. Raises: ssl.SSLCertVerificationError if the client does not believe the server."""
    (folder / "chain.pem").write_bytes(made.chain)
    (folder / "key.pem").write_bytes(made.key)
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(folder / "chain.pem", folder / "key.pem")
    client_context = ssl.create_default_context(cadata=made.authority.decode())
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    client = client_context.wrap_bio(to_client, to_server, server_hostname=name)
    for _ in range(3):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    assert client.version() == "TLSv1.3"


@pytest.mark.parametrize("name", [*NAMES, *ADDRESSES])
def test_clients_that_trust_the_authority_believe_every_name(tmp_path: Path, name: str) -> None:
    _handshake(make_certificates(), name, tmp_path)


def test_other_names_are_not_believed(tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        _handshake(make_certificates(), "elsewhere.localhost", tmp_path)
