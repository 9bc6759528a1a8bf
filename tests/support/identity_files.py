"""A workload's identity as files, which a proxy's configuration names, and which are renewed."""

from pathlib import Path
from typing import Final

from live_proxy import JsonObject

from hauberk_core.agent.wire import CertificatePem


class IdentityFiles:
    """Certificate, key and the mesh's trust; each file is replaced as a whole."""

    def __init__(self, folder: Path, identity: CertificatePem, trust_pem: bytes) -> None:
        """Write them. Args: folder - is made."""
        folder.mkdir()
        self._folder: Final = folder
        (folder / "trust.pem").write_bytes(trust_pem)
        self.renew(identity)

    def renew(self, identity: CertificatePem) -> None:
        """Replace certificate and key."""
        for name, pem in (("chain.pem", identity.chain), ("key.pem", identity.key)):
            (self._folder / "new").write_bytes(pem)
            (self._folder / "new").replace(self._folder / name)

    def certificates(self) -> JsonObject:
        """As a snapshot names them."""
        return {"workload": {"chain_file": str(self._folder / "chain.pem"), "key_file": str(self._folder / "key.pem")}}

    def transport(self, *identities: str, mode: str = "strict") -> JsonObject:
        """The mesh's, which expects these peers."""
        trust = str(self._folder / "trust.pem")
        made: JsonObject = {"security": "mesh", "certificates": ["workload"], "trust_file": trust}
        return made | {"identities": list(identities), "mode": mode}
