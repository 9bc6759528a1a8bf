"""What a service is told by its environment.

| variable | meaning | default |
|---|---|---|
| `DETAILS_SERVICE_HOST`, `DETAILS_SERVICE_PORT` | where productpage reaches details | `127.0.0.1`, 9081 |
| `RATINGS_SERVICE_HOST`, `RATINGS_SERVICE_PORT` | where reviews reaches ratings | `127.0.0.1`, 9082 |
| `REVIEWS_SERVICE_HOST`, `REVIEWS_SERVICE_PORT` | where productpage reaches reviews | `127.0.0.1`, 9083 |
| `DETAILS_HOSTNAME`, `RATINGS_HOSTNAME`, `REVIEWS_HOSTNAME` | the Host header of such a call | the address |
| `SERVICE_VERSION` | `v1`, `v2` or `v3` | `v1` |
| `INSTANCE_NAME` | what this process calls itself | service, version and process id |
| `FAULT_DELAY` | seconds to wait before each answer | 0 |
| `FAULT_DELAY_FILE` | a file; as long as it is there, the number in it counts instead of `FAULT_DELAY` | none |
| `FAULT_RATE` | share of answers that are a 503 instead, 0 to 1 | 0 |

The first three pairs are what Kubernetes sets for a Service of that name. The host names let the address be a gateway's:
productpage dials the gateway and asks for `reviews.localhost`, and the gateway routes by that name, between versions if it likes.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

SERVICES: Final = ("productpage", "details", "ratings", "reviews")
VERSIONS: Final = ("v1", "v2", "v3")
LONGEST_DELAY: Final = 60.0


class SettingsError(Exception):
    """The environment asks for something impossible. Carries every mistake, one a line."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A service that this one calls, and the name it asks for there."""

    host: str
    port: int
    hostname: str


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one process. `fault_delay` is seconds, `fault_rate` a share between 0 and 1."""

    service: str
    version: str
    instance: str
    details: Peer
    ratings: Peer
    reviews: Peer
    fault_delay: float = 0.0
    fault_delay_file: str = ""
    """Empty: none."""
    fault_rate: float = 0.0


class _Reader:
    """Reads variables and collects what is wrong with them, so that all of it is told at once."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.mistakes: list[str] = []

    def text(self, name: str, default: str) -> str:
        return self._environment.get(name) or default

    def number(self, name: str, default: float, least: float, most: float) -> float:
        text = self._environment.get(name)
        if not text:
            return default
        try:
            value = float(text)
        except ValueError:
            self.mistakes.append(f"{name} is {text!r}; write a number from {least:g} to {most:g}")
            return default
        if not least <= value <= most:
            self.mistakes.append(f"{name} is {text}; it must lie between {least:g} and {most:g}")
            return default
        return value

    def peer(self, service: str, default_port: int) -> Peer:
        host = self.text(f"{service}_SERVICE_HOST", "127.0.0.1")
        port = int(self.number(f"{service}_SERVICE_PORT", default_port, 1, 65535))
        return Peer(host, port, self.text(f"{service}_HOSTNAME", f"{host}:{port}"))

    def version(self) -> str:
        version = self.text("SERVICE_VERSION", "v1")
        if version not in VERSIONS:
            self.mistakes.append(f"SERVICE_VERSION is {version!r}; write one of {', '.join(VERSIONS)}")
        return version


def read_settings(service: str, environment: Mapping[str, str]) -> Settings:
    """Read the settings of `service` (one of SERVICES) from `environment`.

    Raises: SettingsError naming every variable that makes no sense.
    """
    read = _Reader(environment)
    version = read.version()
    settings = Settings(
        service=service,
        version=version,
        instance=read.text("INSTANCE_NAME", f"{service}-{version}-{os.getpid()}"),
        details=read.peer("DETAILS", 9081),
        ratings=read.peer("RATINGS", 9082),
        reviews=read.peer("REVIEWS", 9083),
        fault_delay=read.number("FAULT_DELAY", 0.0, 0.0, LONGEST_DELAY),
        fault_delay_file=read.text("FAULT_DELAY_FILE", ""),
        fault_rate=read.number("FAULT_RATE", 0.0, 0.0, 1.0),
    )
    if read.mistakes:
        raise SettingsError("\n".join(read.mistakes))
    return settings
