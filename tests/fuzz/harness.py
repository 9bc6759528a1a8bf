"""What the fuzzers of HTTP share: a clock, a source of inputs, and the rule that how octets are cut changes nothing.

The inputs are random mixtures of what parsers stumble over, and with atheris then inputs guided by coverage; both stop at the
first finding with a traceback and a non-zero exit code.
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

try:
    import atheris
except ImportError:
    atheris = None

from hauberk_core.http.events import Closed, Data, End, Fault, Request, Response
from hauberk_core.http.headers import Headers
from hauberk_core.http.machine import ClientMachine, ServerMachine

# Larger inputs find nothing that smaller ones do not: the limits of the machines under test are set lower.
LONGEST = 4096
# Inputs that coverage begins with.
MOST_SEEDS = 200
SEEDS_EACH_SECOND = 20


class Finding(Exception):
    """An input that breaks the rule."""


def listen(machine: ServerMachine | ClientMachine, octets: bytes, step: int) -> list[object]:
    """Everything a machine reports of octets and the end of the stream, fed `step` at a time."""
    heard: list[object] = []
    body = bytearray()
    for start in range(0, len(octets) + step, step):
        machine.receive(octets[start : start + step])
        while (event := machine.next_event()) is not None:
            match event:
                case Data():
                    if not event.data:
                        raise Finding("an event without octets")
                    body += event.data
                case Request():
                    heard.append((event.method, event.authority, event.path, event.query, event.headers.lines, event.framing))
                case Response():
                    heard.append((event.status, event.reason, event.headers.lines, event.framing))
                case End():
                    heard.append((bytes(body), None if event.trailers is None else event.trailers.lines))
                    body.clear()
                    if isinstance(machine, ServerMachine):
                        next_request(machine)
                case Fault():
                    heard.append((event.reason.code, event.detail, bytes(body)))
                    body.clear()
                case Closed():
                    heard.append("closed")
    heard.append(bytes(body))
    return heard


def next_request(machine: ServerMachine) -> None:
    """Answer, so that the machine goes on to the next pipelined request where the client allows one."""
    machine.send_response(Response(200, "OK", 11, Headers()), False)
    machine.send_end(None)
    if machine.may_keep_alive():
        machine.start_next_exchange()


def check_cuts(make: Callable[[], ServerMachine | ClientMachine], octets: bytes) -> list[object]:
    """Feed octets whole, and in pieces of several sizes. Returns: what was heard. Raises: Finding."""
    whole = listen(make(), octets, max(1, len(octets)))
    for step in (1, 2, 5):
        pieces = listen(make(), octets, step)
        if pieces != whole:
            raise Finding(f"in pieces of {step} octets {octets!r} is {pieces!r}, whole it is {whole!r}")
    return whole


def mix(dice: random.Random, parts: Sequence[bytes]) -> bytes:
    """An input of known parts, with an occasional octet changed, lost or put in."""
    octets = bytearray(b"".join(dice.choice(parts) for _ in range(dice.randrange(1, 16))))
    for _ in range(dice.choice((0, 0, 0, 1, 2, 8))):
        place = dice.randrange(len(octets) + 1)
        octets[place : place + dice.randrange(2)] = bytes((dice.randrange(256),))[: dice.randrange(2)]
    return bytes(octets[:LONGEST])


def run(check: Callable[[bytes], None], parts: Sequence[bytes]) -> None:
    """Call `check` with inputs for as long as the command line says, then exit: 0 without a finding.

    Random mixtures of known parts come first; where atheris is installed it has the second half of the time, because guided by
    coverage it goes deeper; it begins with some of the same mixtures.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to look (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="where the random inputs begin; 0: anywhere")
    options = parser.parse_args()

    def check_and_show(octets: bytes) -> None:
        try:
            check(octets)
        except Exception:
            sys.stderr.write(f"finding: {octets!r}\n")
            raise

    began = time.monotonic()
    seed = options.seed or random.SystemRandom().getrandbits(32)
    dice = random.Random(seed)
    share = options.seconds if atheris is None else options.seconds / 2
    rounds = 0
    while time.monotonic() - began < share:
        check_and_show(mix(dice, parts))
        rounds += 1
    sys.stdout.write(f"{rounds} mixed inputs from seed {seed}: no finding\n")
    sys.stdout.flush()
    if atheris is not None:
        with tempfile.TemporaryDirectory() as scratch:
            rest = max(1, int(options.seconds - share))
            # All of these are tried, however long that takes.
            for number in range(min(MOST_SEEDS, rest * SEEDS_EACH_SECOND)):
                (Path(scratch) / str(number)).write_bytes(mix(dice, parts))
            flags = [f"-max_total_time={rest}", f"-max_len={LONGEST}", "-verbosity=0", f"-artifact_prefix={scratch}/"]
            atheris.Setup([sys.argv[0], *flags, scratch], check_and_show)
            atheris.Fuzz()
