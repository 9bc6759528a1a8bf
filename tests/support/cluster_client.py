"""What a namespace's pod `client` (`cluster_shop.client_pod`) is answered when it asks."""

from typing import Final

import kubectl

LOOK_UP_AGAIN: Final = """
import socket, sys, time, urllib.error, urllib.request
def open_url(url):
    for _ in range(60):
        try:
            return urllib.request.urlopen(url, timeout=60)
        except urllib.error.URLError as error:
            if getattr(error.reason, "errno", None) != socket.EAI_AGAIN:
                raise
            time.sleep(1)
    raise TimeoutError(f"the cluster's DNS is away: {url}")
"""
"""A program's `open_url`, which asks once, however long the cluster's own DNS is away: on a loaded node that is not ready for
moments, and a name that nobody tells is no request."""

# Prints the status of the answer, or what became of the connection.
_ASK: Final = f"""
{LOOK_UP_AGAIN}
try:
    print(open_url(sys.argv[1]).status)
except urllib.error.HTTPError as error:
    print(error.code)
except OSError as error:
    print(type(getattr(error, "reason", error)).__name__)
"""


def ask(namespace: str, url: str) -> str:
    """The status of the answer, or the name of what went wrong."""
    return kubectl.kubectl("exec", "-n", namespace, "client", "-c", "client", "--", "python", "-c", _ASK, url).out.strip()
