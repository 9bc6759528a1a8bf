import ssl
import stat
from pathlib import Path

import pytest

from hauberk_cli.demo.certificate import ADDRESSES, NAMES, write_certificates
from hauberk_cli.demo.folder import DemoFolder


def _handshake(folder: DemoFolder, name: str) -> None:
    """A whole TLS handshake in memory. Raises: ssl.SSLCertVerificationError if the client does not believe the server."""
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(folder.chain, folder.key)
    client_context = ssl.create_default_context(cafile=folder.authority)
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
    folder = DemoFolder(tmp_path)
    write_certificates(folder)
    _handshake(folder, name)


def test_other_names_are_not_believed_and_the_key_is_private(tmp_path: Path) -> None:
    folder = DemoFolder(tmp_path)
    write_certificates(folder)
    with pytest.raises(ssl.SSLCertVerificationError):
        _handshake(folder, "elsewhere.localhost")
    assert stat.S_IMODE(folder.key.stat().st_mode) == 0o600
