"""A whole TLS handshake in memory."""

import ssl
from pathlib import Path


def shake_hands(chain: bytes, key: bytes, trusted: bytes, host: str, folder: Path) -> None:
    """A client that trusts `trusted` alone asks for `host`. Files are left in `folder`. All are PEM.

    Raises: ssl.SSLCertVerificationError if the client does not believe the server.
    """
    (folder / "chain.pem").write_bytes(chain)
    (folder / "key.pem").write_bytes(key)
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(folder / "chain.pem", folder / "key.pem")
    client_context = ssl.create_default_context(cadata=trusted.decode())
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname=host)
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    assert client.version() == "TLSv1.3"
    assert client.getpeercert()
