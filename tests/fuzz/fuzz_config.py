#!/usr/bin/env python3
"""Any octets either are a configuration or raise ConfigErrors with a place and a hint for each mistake; nothing else happens.

Also: what was accepted is written and read back unchanged. Begins with the examples and with pieces of JSON. Guided by coverage
where atheris is installed, else by random changes; `--seed` makes either repeatable. Exits with 1 on a finding and prints the
octets that led to it.
"""

import argparse
import contextlib
import random
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Final

try:
    import atheris
except ImportError:
    atheris = None

# Only what is imported in here tells atheris of its branches.
with atheris.instrument_imports(include=["hauberk_core"]) if atheris and "--guided" in sys.argv else contextlib.nullcontext():
    from hauberk_core.config import load_snapshot
    from hauberk_core.model.codec import decode_snapshot, encode_snapshot
    from hauberk_core.model.errors import ConfigErrors

ROOT: Final = Path(__file__).parents[2]
LONGEST_INPUT: Final = 16 * 1024
LONGEST_RUN_SECONDS: Final = 5.0
"""One input may take this long before it counts as an attack on the reader's time; typical are 2 ms."""

PIECES: Final = (
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b'"',
        b"\\",
        b"null",
        b"true",
        b"1",
        b"-",
        b"1e999",
        b"0.5",
        b"NaN",
        b" ",
        b"\n",
        b"//",
    ),
    *(b'"version"', b'"listeners"', b'"clusters"', b'"route_tables"', b'"routes"', b'"address"', b'"plugins"', b'"config"'),
    *(b'"15s"', b'"9h9m"', b'"\\ud800"', b'"[::1]:80"', b'":99999"', b'"*."', b'"(["', b"\xff", b"\xef\xbb\xbf", b"\x00"),
    b"9" * 5000,
    b"[" * 200,
    b'{"a":' * 70,
)


class Finding(Exception):
    """Something other than a configuration or an orderly refusal."""


def check(data: bytes) -> None:
    """Read `data` once. Raises: Finding, or whatever the reader should not have raised."""
    began = time.monotonic()
    try:
        snapshot = load_snapshot(data, "fuzz").snapshot
    except ConfigErrors as refused:
        if not refused.errors:
            raise Finding("refused without a reason") from None
        lines = data.count(b"\n") + 1
        for error in refused.errors:
            if not (1 <= error.line <= lines and error.column >= 1 and error.message and error.hint and len(str(error)) < 20_000):
                raise Finding(f"an error without a right place, reason or hint: {error!r}") from None
    else:
        text = encode_snapshot(snapshot)
        if decode_snapshot(text, "again") != snapshot:
            raise Finding("writing and reading changed the snapshot")
    if time.monotonic() - began > LONGEST_RUN_SECONDS:
        raise Finding(f"took longer than {LONGEST_RUN_SECONDS} s")


def seeds() -> list[bytes]:
    """The examples, every part of them that is a document by itself, and small documents."""
    examples = [path.read_bytes() for path in sorted((ROOT / "examples").glob("*.json"))]
    if not examples:
        raise FileNotFoundError(f"no example configurations in {ROOT / 'examples'}")
    parts = [line.strip().rstrip(b",") for example in examples for line in example.splitlines() if line.strip().startswith(b"{")]
    return [b"", b"{}", *examples, *parts]


def mutate(data: bytes, others: list[bytes], dice: random.Random) -> bytes:
    """A few random changes."""
    result = bytearray(data)
    for _ in range(dice.randint(1, 6)):
        at = dice.randint(0, len(result))
        match dice.randrange(6):
            case 0:
                result[at:at] = dice.choice(PIECES)
            case 1:
                del result[at : at + dice.randint(1, 40)]
            case 2:
                result[at : at + 1] = bytes([dice.randrange(256)])
            case 3:
                end = min(len(result), at + dice.randint(1, 200))
                result[at:at] = result[at:end]
            case 4:
                other = dice.choice(others)
                begin = dice.randint(0, len(other))
                result[at:at] = other[begin : begin + dice.randint(1, 200)]
            case _:
                result[at : at + dice.randint(1, 12)] = dice.choice(PIECES)
    return bytes(result[:LONGEST_INPUT])


def report(data: bytes) -> None:
    """Print the exception that is being handled, and what led to it."""
    traceback.print_exc()
    sys.stderr.write(f"finding for these {len(data)} octets:\n{data!r}\n")


def run_random(seconds: float, seed: int) -> int:
    """Change seeds at random until the time is over. Returns: the exit code."""
    dice = random.Random(seed)
    corpus = seeds()
    deadline = time.monotonic() + seconds
    runs = 0
    waiting = list(corpus)
    while waiting or time.monotonic() < deadline:
        data = waiting.pop() if waiting else mutate(dice.choice(corpus), corpus, dice)
        try:
            check(data)
        except Exception:
            report(data)
            return 1
        runs += 1
    sys.stdout.write(f"{runs} documents, no finding (random changes, seed {seed})\n")
    return 0


def run_guided(seconds: float, seed: int) -> int:
    """Let atheris change the seeds, guided by coverage, in a process of its own because it ends the one it runs in.

    Returns: the exit code.
    """
    with tempfile.TemporaryDirectory(prefix="hauberk-fuzz-") as folder:
        corpus = Path(folder, "corpus")
        corpus.mkdir()
        for number, data in enumerate(seeds()):
            (corpus / f"seed-{number}").write_bytes(data)
        dictionary = Path(folder, "dictionary")
        dictionary.write_text("".join([f'"{quoted(piece[:60])}"\n' for piece in PIECES]))
        options = [
            f"-max_total_time={max(1, round(seconds))}",
            f"-seed={seed}",
            f"-max_len={LONGEST_INPUT}",
            f"-dict={dictionary}",
            f"-artifact_prefix={folder}/",
            "-verbosity=0",
        ]
        finished = subprocess.run([sys.executable, __file__, "--guided", str(corpus), *options], check=False)
        findings = [path for path in Path(folder).iterdir() if path.name.startswith(("crash-", "timeout-", "oom-", "leak-"))]
        for path in findings:
            sys.stderr.write(f"finding for these octets:\n{path.read_bytes()!r}\n")
        if finished.returncode or findings:
            return 1
        sys.stdout.write(f"{len(list(corpus.iterdir()))} documents of different coverage, no finding (atheris, seed {seed})\n")
        return 0


def quoted(piece: bytes) -> str:
    """As libFuzzer's dictionaries want it."""
    return "".join([f"\\x{octet:02x}" for octet in piece])


def main() -> int:
    """Read the command line and fuzz."""
    if sys.argv[1:2] == ["--guided"]:
        assert atheris is not None
        atheris.Setup([sys.argv[0], *sys.argv[2:]], check)
        atheris.Fuzz()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long (default 60)")
    parser.add_argument("--seed", type=int, default=1, help="which changes (default 1)")
    parser.add_argument("--random", action="store_true", help="random changes, even where atheris is installed")
    options = parser.parse_args()
    run = run_random if atheris is None or options.random else run_guided
    return run(options.seconds, options.seed)


if __name__ == "__main__":
    sys.exit(main())
