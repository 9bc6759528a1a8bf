"""The limits of a worker: what the environment says, and else what follows from the memory and the descriptors that there are."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from hauberk_core import pod

# Of the control group's limit: the kernel kills at the whole, and what is under way still grows when nothing more is taken on.
MEMORY_PART: Final = 0.85
# What an agent and its first worker hold before anybody connects, and each further worker.
BASE_OCTETS: Final = 64 << 20
WORKER_OCTETS: Final = 24 << 20
# What a connection with a request under way comes to, TLS included, most of it OpenSSL's.
CONNECTION_OCTETS: Final = 32 << 10
# Half of what is left is for connections, an eighth for octets that their peers do not take.
CONNECTIONS_PART: Final = 2
BUFFERS_PART: Final = 8
LEAST_CONNECTIONS: Final = 64
LEAST_BUFFERS: Final = 1 << 20
# Descriptors that are not connections: listeners, the log, the poller, the link to the agent.
OTHER_DESCRIPTORS: Final = 128
# Nobody waits gladly for longer just to be looked at.
LOOP_DELAY: Final = 1.0
_UNITS: Final = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}


class LimitMistake(ValueError):
    """A variable says what no limit can be; the message says which, and what to write."""


class WorkerLimits(NamedTuple):
    """Of one worker; 0 of any: no limit."""

    connections: int = 0
    streams: int = 0
    memory: int = 0
    """Octets of the whole proxy: all workers look at the same."""
    buffers: int = 0
    """Octets kept for peers that do not take them, beyond which sources are paused at once."""
    loop_delay: float = 0.0
    """Seconds."""

    def arguments(self) -> tuple[str, ...]:
        """What a worker is told at its start."""
        return (
            f"--connections={self.connections}",
            f"--streams={self.streams}",
            f"--memory={self.memory}",
            f"--buffers={self.buffers}",
            f"--loop-delay={round(self.loop_delay * 1000)}",
        )

    def shown(self) -> str:
        """For a person."""
        memory = f"{self.memory >> 20} MiB of memory" if self.memory else "any memory"
        streams = f"{self.streams or 'any number of'} requests over HTTP/2"
        delay = f"{self.loop_delay} s" if self.loop_delay else "any"
        return f"{self.connections or 'any number of'} connections, {streams}, {memory}, {delay} delay"


def worker_limits(environ: Mapping[str, str], workers: int, memory: int, descriptors: int) -> WorkerLimits:
    """The limits of each of `workers`.

    Args: memory - the limit of the control group in octets, 0: none; descriptors - that one process may have open.
    Raises: LimitMistake.
    """
    limit = _octets(environ, pod.MEMORY_LIMIT, int(memory * MEMORY_PART))
    connections = max(LEAST_CONNECTIONS, (descriptors - OTHER_DESCRIPTORS) // 2)
    buffers = 0
    if limit:
        left = max(0, limit - BASE_OCTETS - (workers - 1) * WORKER_OCTETS) // workers
        connections = min(connections, max(LEAST_CONNECTIONS, left // CONNECTIONS_PART // CONNECTION_OCTETS))
        buffers = max(LEAST_BUFFERS, left // BUFFERS_PART)
    connections = _number(environ, pod.CONNECTION_LIMIT, connections)
    return WorkerLimits(
        connections,
        # A request over HTTP/1.1 has a connection of its own; one over HTTP/2 costs as much without it.
        _number(environ, pod.STREAM_LIMIT, connections),
        limit,
        buffers,
        _seconds(environ, pod.DELAY_LIMIT, LOOP_DELAY),
    )


def _number(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise LimitMistake(f"{name} is {text!r}; write a number, 0 for no limit")
    return int(text)


def _octets(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name, "")
    if not text:
        return default
    digits = text.rstrip("kKMGi")
    unit = text[len(digits) :]
    if not digits.isascii() or not digits.isdigit() or len(digits) > 15 or unit not in _UNITS:
        raise LimitMistake(f"{name} is {text!r}; write octets as Kubernetes does, for example 200Mi, or 0 for no limit")
    return int(digits) * _UNITS[unit]


def _seconds(environ: Mapping[str, str], name: str, default: float) -> float:
    text = environ.get(name, "")
    if not text:
        return default
    number, unit = (text[:-2], 0.001) if text.endswith("ms") else (text.removesuffix("s"), 1.0)
    if not number.isascii() or not number.replace(".", "", 1).isdigit() or len(number) > 9:
        raise LimitMistake(f"{name} is {text!r}; write a time, for example 500ms or 2s, or 0s for no limit")
    return float(number) * unit
