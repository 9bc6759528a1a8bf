"""What a proxy in a pod asks for its first certificate with: its service account's token, read anew each time.

The kubelet replaces the token before it ends, and the roots when they are rotated; what was read at the start would be too old.
"""

from pathlib import Path
from typing import Final

import trio

from hauberk_core.agent.bootstrap import BootstrapError
from hauberk_core.agent.identity.client import CertificateUnavailable
from hauberk_core.agent.identity.proof import JoinProof
from hauberk_core.agent.pod.environment import read_text


class ServiceAccountTokens:
    """Reads token and roots from the files that the kubelet keeps fresh."""

    def __init__(self, token: Path, root: Path) -> None:
        self._token: Final = token
        self._root: Final = root

    async def get(self) -> JoinProof:
        """The proof of this moment. Raises: CertificateUnavailable."""
        try:
            token = (await trio.to_thread.run_sync(read_text, self._token)).strip()
            root = await trio.to_thread.run_sync(read_text, self._root)
        except BootstrapError as error:
            raise CertificateUnavailable(str(error)) from error
        if not token:
            raise CertificateUnavailable(f"{self._token} is empty; the kubelet writes it anew")
        return JoinProof(token, root.encode())
