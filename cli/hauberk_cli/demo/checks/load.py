"""The load that checks put on the demo."""

from typing import Final

from hauberk_cli.demo.running import RunningDemo
from hauberk_cli.demo.traffic import Load

REVIEWS_PATH: Final = "/api/v1/products/0/reviews"
"""Answered by productpage with what reviews said, and with its version in a header."""
PAUSE: Final = 0.02
"""Seconds between two requests of a client."""


def load_on(demo: RunningDemo, clients: int) -> Load:
    """A load on reviews, every other client by TLS. A connection that breaks is a loss, even if a retry would have hidden it."""
    services = tuple([demo.service(tls=client % 2 == 1, retry=False) for client in range(clients)])
    return Load(services, REVIEWS_PATH, PAUSE)
