"""Another join token, from whoever started this proxy: it is asked by a file, and answers with a new bootstrap document.

A certificate that ended while control was away cannot be renewed by itself: it proves nothing any more. `hauberk run` and
`hauberk up` may ask control for another token, and stay for as long as their proxies do. So an agent in need leaves a file in its
state folder, which they look for, and finds the answer where it found its first token.
"""

from pathlib import Path
from typing import Final, NamedTuple

import trio

from hauberk_core.agent.bootstrap import BootstrapError, read_bootstrap
from hauberk_core.agent.identity.client import CertificateUnavailable

WANTED_FILE: Final = "token-wanted"
"""In a proxy's state folder: its agent needs another join token."""
# Whoever started the proxy looks every second, and asks a control that may be busy.
_ANSWER_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.25


class JoinProof(NamedTuple):
    """What a first certificate is asked for with."""

    token: str
    root_pem: bytes
    """By what control is known: another than before, if roots were rotated meanwhile."""


class ParentTokens:
    """Gets join tokens from the process that started this proxy."""

    def __init__(self, bootstrap: Path, state: Path, token: str, seconds: float = _ANSWER_SECONDS) -> None:
        """Args: bootstrap - the document that this proxy was started with; token - the one in it then; seconds - to wait."""
        self._bootstrap: Final = bootstrap
        self._wanted: Final = state / WANTED_FILE
        self._known = token
        self._seconds: Final = seconds

    async def get(self) -> JoinProof:
        """Ask, and wait for the answer. Raises: CertificateUnavailable if nobody answers in time."""
        with trio.move_on_after(self._seconds):
            while True:
                try:
                    self._wanted.touch(0o600)
                    document = await trio.to_thread.run_sync(read_bootstrap, self._bootstrap)
                except (OSError, BootstrapError) as error:
                    raise CertificateUnavailable(f"no join token can be asked for: {error}; start this proxy again") from error
                if document.join_token not in ("", self._known):
                    self._known = document.join_token
                    self._wanted.unlink(missing_ok=True)
                    return JoinProof(document.join_token, document.root.encode())
                await trio.sleep(_LOOK_SECONDS)
        raise CertificateUnavailable(
            "there is no valid certificate to renew by, and hauberk run or hauberk up, which started this proxy, gives no join "
            "token: control is away, or they have ended; if they have, end this proxy and start them again"
        )
