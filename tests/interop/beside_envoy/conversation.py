"""A sequence of requests said to each proxy on one connection."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from asked import Sequence
from comparison import Outcome
from http1_client import Heard, Http1Client
from http2_client import Http2Client
from twin_proxies import Pairs, Twin

_CASES: Final = itertools.count(1)


def converse_with_both(pairs: Pairs, sequence: Sequence) -> tuple[list[Outcome], list[Outcome]]:
    """The same to both, at the same time. Returns: an outcome for each request that was sent, up to where one of them ended."""
    cases = [str(next(_CASES)) for _ in sequence.requests]
    pair = pairs[sequence.way]
    with ThreadPoolExecutor(1) as thread:
        theirs = thread.submit(_converse, pair[1], sequence, cases)
        return _converse(pair[0], sequence, cases), theirs.result()


def _converse(twin: Twin, sequence: Sequence, cases: list[str]) -> list[Outcome]:
    answers = _over_http2(twin, sequence, cases) if sequence.http2 else _over_http1(twin, sequence, cases)
    return [Outcome(heard, twin.received(case)) for heard, case in zip(answers, cases, strict=False)]


def _over_http1(twin: Twin, sequence: Sequence, cases: list[str]) -> list[Heard | None]:
    """Ask, one after the other or all at once, as long as the connection serves."""
    octets = [asked.octets(case) for asked, case in zip(sequence.requests, cases, strict=True)]
    answers: list[Heard | None] = []
    client = Http1Client(twin.port)
    try:
        if sequence.pipelined:
            client.send(b"".join(octets))
        for asked, said in zip(sequence.requests, octets, strict=True):
            if not sequence.pipelined:
                client.send(said)
            heard = client.receive(asked.method)
            answers.append(heard)
            if heard is None or heard.status == 101 or "close" in ",".join(heard.values("connection")).lower():
                break
    finally:
        client.close()
    return answers


def _over_http2(twin: Twin, sequence: Sequence, cases: list[str]) -> list[Heard | None]:
    """Ask, one after the other or all at once."""
    client = Http2Client(twin.port)
    try:
        if sequence.pipelined:
            numbers = [client.ask(asked, case) for asked, case in zip(sequence.requests, cases, strict=True)]
            return [client.receive(number) for number in numbers]
        return [client.receive(client.ask(asked, case)) for asked, case in zip(sequence.requests, cases, strict=True)]
    finally:
        client.close()
