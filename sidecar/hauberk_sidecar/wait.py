"""`python -m hauberk_sidecar.wait`: ends when the sidecar of this pod is ready.

Without native sidecars this is the proxy container's postStart hook: the kubelet starts the application's containers only after
it, so that their first packet finds the proxy. Exits with 1 if it takes too long, and the kubelet then starts the proxy again.
"""

import http.client
import sys
import time
from collections.abc import Callable
from typing import Final

from hauberk_core.pod import READY_PATH, READY_PORT

# As long as the startup probe of a native sidecar waits.
LONGEST_SECONDS: Final = 600.0
_ASK_EVERY_SECONDS: Final = 0.1
_ANSWER_SECONDS: Final = 3.0


def wait_ready(
    port: int = READY_PORT,
    longest_seconds: float = LONGEST_SECONDS,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Ask until the proxy says that it is ready. Blocks. Returns: whether it was, in time."""
    deadline = now() + longest_seconds
    while not _is_ready(port):
        if now() >= deadline:
            return False
        sleep(_ASK_EVERY_SECONDS)
    return True


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER_SECONDS)
    try:
        connection.request("GET", READY_PATH)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    if not wait_ready():
        sys.exit(f"the proxy is not ready after {LONGEST_SECONDS:.0f} s: see its container's log, and whether control is there")
