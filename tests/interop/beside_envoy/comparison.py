"""What two proxies made of one request, held against each other item by item.

What is compared: who answers, the answer (version, status, phrase, fields with their spelling and order, body, trailers, framing,
answers before it, whether the connection stays), and what a backend received (how often, the request line, fields with their
spelling and order, framing, body, trailers). Not compared is where chunks begin and end, which is every hop's own business (RFC
9112 section 7.1).
"""

import email.utils
import re
import time
from dataclasses import dataclass
from typing import Final, NamedTuple

from asked import Asked
from http1_client import Heard
from recording_backend import Recorded

Fields = list[tuple[str, str]]

# Where nobody said when a message was made, a proxy says it: now, give or take what a busy machine needs.
_NOW_SECONDS: Final = 600.0
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass
class Outcome:
    """What became of one request."""

    answer: Heard | None
    """None: the connection ended without one."""
    received: list[Recorded]
    """By the backend, once for each attempt."""

    @property
    def is_own(self) -> bool:
        """Whether the proxy answered without asking anybody."""
        return not self.received


class Discrepancy(NamedTuple):
    """One item that differs."""

    item: str
    """`answer status`, `request field x-forwarded-for` and the like."""
    ours: str | None
    theirs: str | None


def compare(asked: Asked, ours: Outcome, theirs: Outcome) -> list[Discrepancy]:
    """Everything that differs. Where not even the same one answers, nothing else is looked at."""
    verdicts = [_verdict(outcome) for outcome in (ours, theirs)]
    if verdicts[0] != verdicts[1]:
        return [Discrepancy("verdict", *verdicts)]
    pairs: list[Discrepancy] = []
    if ours.answer is not None and theirs.answer is not None:
        pairs += _answers(ours.answer, theirs.answer)
    pairs.append(Discrepancy("attempts", str(len(ours.received)), str(len(theirs.received))))
    for one, other in zip(ours.received, theirs.received, strict=False):
        pairs += _requests(asked, one, other)
    return [each for each in dict.fromkeys(pairs) if each.ours != each.theirs]


def _verdict(outcome: Outcome) -> str:
    if outcome.answer is None:
        return "no answer, own" if outcome.is_own else "no answer, forwarded"
    return f"own {outcome.answer.status}" if outcome.is_own else "forwarded"


def _answers(ours: Heard, theirs: Heard) -> list[Discrepancy]:
    pairs = [
        Discrepancy("answer version", ours.version, theirs.version),
        Discrepancy("answer status", str(ours.status), str(theirs.status)),
        Discrepancy("answer phrase", ours.reason, theirs.reason),
        Discrepancy("answer framing", ours.framing, theirs.framing),
        Discrepancy("answer body", _shown(ours.body), _shown(theirs.body)),
        Discrepancy("answer is complete", str(ours.is_complete), str(theirs.is_complete)),
        Discrepancy("answer interim", str(ours.interim), str(theirs.interim)),
        Discrepancy("answer keeps connection", *(_keeps(each) for each in (ours, theirs))),
    ]
    pairs += _fields("answer", ours.fields, theirs.fields, frozenset({"connection"}))
    pairs += _fields("answer trailer", ours.trailers, theirs.trailers, frozenset())
    return pairs


def _keeps(heard: Heard) -> str:
    options = {option.strip().lower() for value in heard.values("connection") for option in value.split(",")}
    return "no" if "close" in options or heard.framing == "until-close" else "yes"


def _requests(asked: Asked, ours: Recorded, theirs: Recorded) -> list[Discrepancy]:
    heads = [_head(each) for each in (ours, theirs)]
    pairs = [
        Discrepancy("request line", heads[0][0], heads[1][0]),
        Discrepancy("request body", _shown(ours.body), _shown(theirs.body)),
    ]
    given = frozenset[str]() if asked.field("x-request-id") is None else frozenset({"x-request-id"})
    pairs += _fields("request", heads[0][1], heads[1][1], given=given)
    pairs += _fields("request trailer", ours.fields[len(heads[0][1]) :], theirs.fields[len(heads[1][1]) :])
    return pairs


def _head(request: Recorded) -> tuple[str, Fields]:
    first, *lines = request.octets.partition(b"\r\n\r\n")[0].decode("latin-1").lstrip("\r\n").split("\r\n")
    return first, [(name, value.strip(" \t")) for name, _, value in (line.partition(":") for line in lines)]


def _fields(
    kind: str, ours: Fields, theirs: Fields, left_out: frozenset[str] = frozenset(), given: frozenset[str] = frozenset()
) -> list[Discrepancy]:
    pairs: list[Discrepancy] = []
    names = [list(dict.fromkeys(name.lower() for name, _ in each)) for each in (ours, theirs)]
    common = [[name for name in each if name in names[0] and name in names[1]] for each in names]
    for name in dict.fromkeys(names[0] + names[1]):
        if name in left_out:
            continue
        values = [_values(each, name, name in given) for each in (ours, theirs)]
        pairs.append(Discrepancy(f"{kind} field {name}", *values))
        if name in common[0]:
            pairs.append(Discrepancy(f"{kind} spelling {name}", *(_spelling(each, name) for each in (ours, theirs))))
    pairs.append(Discrepancy(f"{kind} order", " ".join(common[0]), " ".join(common[1])))
    return pairs


def _values(fields: Fields, name: str, given: bool) -> str | None:
    values = [value for known, value in fields if known.lower() == name]
    if not values:
        return None
    if name == "date":
        values = ["now" if _is_now(value) else value for value in values]
    elif name == "x-request-id" and not given:
        values = ["new" if _UUID.fullmatch(value) else value for value in values]
    return repr(values)


def _is_now(value: str) -> bool:
    return abs(email.utils.parsedate_to_datetime(value).timestamp() - time.time()) < _NOW_SECONDS


def _spelling(fields: Fields, name: str) -> str:
    return " ".join(known for known, _ in fields if known.lower() == name)


def _shown(body: bytes) -> str:
    return repr(body) if len(body) < 200 else f"{len(body)} octets, {hash(body)}"
