"""What a proxy holds at rest, again and again over a long run, and whether it grows: a leak is told from an allocator's spread.

A leak is something alive that should not be, so that is what is counted: Python's objects, and the octets that malloc has given
out. At rest these come back to the same figures within some dozens, however busy the time between. Resident memory does not: one
small object keeps a whole page, so that it spreads by some hundred KiB from one burst to the next. It is judged only for what
nobody counts, such as memory mapped by a library, or an allocator that spreads without end.

Whatever is judged, it is the trend over all readings of one process, never the difference of two. A process that took another's
place begins a series of its own; what it may have got from the other one are descriptors, so that these are compared.
"""

import math
from collections.abc import Sequence
from itertools import groupby
from typing import Final, NamedTuple

from trend import certain_slope


class Held(NamedTuple):
    """By one process, at rest."""

    process: int
    """Its number."""
    objects: int
    octets: int
    resident: int
    descriptors: int


class Footprint(NamedTuple):
    """One reading: what was done until then, and what the processes of the proxy held."""

    requests: int
    leavers: int
    """Clients that left in the middle."""
    changes: int
    """Of the configuration."""
    agent: Held
    worker: Held


class _Bar(NamedTuple):
    each: str
    """What is counted along: a field of `Footprint`."""
    objects: float
    octets: float


# One object of any size for every fiftieth request is a leak, and so are two octets a request. What a sound proxy shows is a
# thousandth of an object and some hundredths of an octet: caches that still fill.
_REQUEST: Final = _Bar("requests", 0.02, 2.0)
# Fewer, so that one object for every tenth is found; a TLS connection that is kept is tens of thousands of octets.
_LEAVER: Final = _Bar("leavers", 0.1, 128.0)
# The smallest snapshot that is kept alive is a hundred objects. trio keeps deadlines that were met until they would have passed,
# which is a handful of objects for each change of the last seconds.
_CHANGE: Final = _Bar("changes", 20.0, 1024.0)
# The agent sees no requests.
_BARS: Final = {"worker": (_REQUEST, _LEAVER, _CHANGE), "agent": (_CHANGE,)}
# What may come on top over all readings: the dozens of objects by which two readings differ anyway, of which few readings may by
# chance make a trend; and what malloc counts as given out while it keeps it for the next to ask, up to seven pieces of each size
# for each thread, where several threads take turns. That fills within some hundred changes, and a short run ends before.
_SPREAD: Final = {"objects": 100, "octets": 256 * 1024}
# What resident memory may surely grow by over all readings: one of the arenas that Python's allocator takes at once.
_MOST_SPREAD: Final = 1024 * 1024


# Of its readings, the part in which a process warms up: pools and caches fill, and arenas grow to their working size.
_WARM_UP: Final = 1 / 4
# A trend over fewer says nothing.
_LEAST_READINGS: Final = 3


def find_growth(readings: Sequence[Footprint]) -> list[str]:
    """What grew over the readings. Returns: for a person; empty if nothing did.

    Raises: ValueError if no process of a kind was read often enough to tell.
    """
    found: list[str] = []
    for name, bars in _BARS.items():
        lives = _lives(name, readings)
        judged = [warm for life in lives if len(warm := life[math.ceil(len(life) * _WARM_UP) :]) >= _LEAST_READINGS]
        if not judged:
            raise ValueError(f"no {name} was read often enough to tell whether it grows: {[len(life) for life in lives]} times")
        for life in judged:
            found += _find_growth_of_one(name, bars, life)
        first, *others = [getattr(life[-1], name).descriptors for life in lives]
        found += [f"{name}: a successor has {other} descriptors; the first one had {first}" for other in others if other > first]
    return found


def _lives(name: str, readings: Sequence[Footprint]) -> list[list[Footprint]]:
    """The readings of each process that was the worker, or the agent."""

    def process(reading: Footprint) -> int:
        held: Held = getattr(reading, name)
        return held.process

    return [list(life) for _, life in groupby(readings, process)]


def _find_growth_of_one(name: str, bars: Sequence[_Bar], readings: Sequence[Footprint]) -> list[str]:
    found: list[str] = []
    held: list[Held] = [getattr(reading, name) for reading in readings]
    for each, *most in bars:
        done = [float(getattr(reading, each)) for reading in readings]
        if len(set(done)) < 2:
            continue
        for what, bar in zip(("objects", "octets"), most, strict=True):
            slope = certain_slope([(x, getattr(y, what)) for x, y in zip(done, held, strict=True)])
            span = max(done) - min(done)
            if (slope - bar) * span > _SPREAD[what]:
                unit = each.removesuffix("s")
                found.append(f"{name}: at least {slope:.3g} {what} more are alive for each {unit}; {bar:g} may be")
    spread = certain_slope([(number, one.resident) for number, one in enumerate(held)]) * (len(held) - 1)
    if spread > _MOST_SPREAD:
        found.append(f"{name}: resident memory grew by at least {spread:.0f} octets; {_MOST_SPREAD} may be")
    if held[-1].descriptors > held[0].descriptors:
        found.append(f"{name}: {held[0].descriptors} descriptors have become {held[-1].descriptors}")
    return found
