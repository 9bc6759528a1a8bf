"""What a namespace's pod `client` (`cluster_shop.client_pod`) is answered when it asks."""

from typing import Final

import kubectl

# Prints the status of the answer, or what became of the connection.
_ASK: Final = """
import sys, urllib.error, urllib.request
try:
    print(urllib.request.urlopen(sys.argv[1], timeout=60).status)
except urllib.error.HTTPError as error:
    print(error.code)
except OSError as error:
    print(type(getattr(error, "reason", error)).__name__)
"""


def ask(namespace: str, url: str) -> str:
    """The status of the answer, or the name of what went wrong."""
    return kubectl.kubectl("exec", "-n", namespace, "client", "-c", "client", "--", "python", "-c", _ASK, url).out.strip()
