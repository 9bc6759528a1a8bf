#!/usr/bin/env python3
"""Any octets are frames or a fault, on both sides; never an exception, and how they are cut changes nothing.

Whatever the octets do, what a machine sends is whole frames. Where HAUBERK_CORPORA names the corpora's
folder, h2spec's cases are among the parts that inputs are made of.
"""

import base64
import contextlib
import json
import os
from pathlib import Path

try:
    import atheris
except ImportError:
    atheris = None

# Only what is imported in here tells atheris of its branches.
with atheris.instrument_imports(include=["hauberk_core.http"]) if atheris else contextlib.nullcontext():
    from harness import Finding, run  # type: ignore[import-not-found]

    from hauberk_core.http.events import CHUNKED, COUNTED, Data, End, Event, Fault, Request, Response
    from hauberk_core.http.h2.client import H2Client
    from hauberk_core.http.h2.codes import PREFACE
    from hauberk_core.http.h2.machine import MultiplexedMachine
    from hauberk_core.http.h2.server import H2Server
    from hauberk_core.http.headers import Headers
    from hauberk_core.model.listener import HttpLimits

# Low enough for the inputs to exceed each.
LIMITS = HttpLimits(head_bytes=512, request_line_bytes=128, header_count=8, body_bytes=64)


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """A frame's octets."""
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def corpus() -> list[bytes]:
    """What h2spec sends, without the preface, as far as it is short."""
    folder = os.environ.get("HAUBERK_CORPORA", "")
    if not folder:
        return []
    lines = (Path(folder) / "h2spec-recorded" / "cases.jsonl").read_text("utf-8").splitlines()
    cases = [base64.b64decode(json.loads(line)["raw_b64"]).removeprefix(PREFACE) for line in lines]
    return [case for case in cases if len(case) < 1000]


GET = b"\x82\x86\x84\x41\x01a"
POST = b"\x83\x86\x84\x41\x01a"
PARTS = (
    *corpus(),
    *(frame(4, 0, 0), frame(4, 0, 0, b"\0\x04\0\0\0\x05"), frame(4, 0, 0, b"\0\x01\0\0\0\0"), frame(4, 1, 0)),
    *(frame(1, 5, stream, GET) for stream in (1, 3, 5)),
    *(frame(1, 4, stream, POST) for stream in (1, 3, 5, 7)),
    *(
        frame(1, 5, 1, b"\x88"),
        frame(1, 4, 1, b"\x88\x5c\x015"),
        frame(1, 5, 1, b"\x40\x0bgrpc-status\x010"),
        frame(1, 0, 3, GET),
    ),
    *(
        frame(9, 4, 3, b"\x40\x01x\x83\xff\xff\xff"),
        frame(9, 0, 3, b"\xbe"),
        frame(1, 0x2D, 9, b"\x01\0\0\0\0\x10" + GET + b"\0"),
    ),
    *(frame(0, flags, stream, b"hello") for flags in (0, 1, 8) for stream in (1, 3)),
    *(frame(0, 0, 1, b""), frame(0, 1, 1, b""), frame(0, 9, 1, b"\x02hi\0\0"), frame(0, 0, 3, b"x" * 80)),
    *(frame(3, 0, 1, b"\0\0\0\x08"), frame(8, 0, 0, b"\0\0\0\x09"), frame(8, 0, 1, b"\0\0\xff\xff"), frame(8, 0, 1, b"\0\0\0\0")),
    *(
        frame(6, 0, 0, b"12345678"),
        frame(7, 0, 0, bytes(8)),
        frame(2, 0, 5, bytes(5)),
        frame(5, 4, 1, bytes(5)),
        frame(77, 9, 1, b"?"),
    ),
    *(b"\0", b"\xff" * 5, b"\x82\x86", PREFACE),
)


def make_server() -> MultiplexedMachine:
    """A server with low limits, whose client has greeted."""
    machine = H2Server("http", LIMITS)
    machine.receive(PREFACE + frame(4, 0, 0), 1.0)
    return machine


def make_client() -> MultiplexedMachine:
    """A client with low limits and two requests under way, whose server has greeted."""
    machine = H2Client(LIMITS)
    machine.receive(frame(4, 0, 0), 1.0)
    for _ in range(2):
        headers = Headers()
        headers.add("Host", "a")
        request = Request("POST", "a", "/", "", 11, headers)
        request.framing = CHUNKED
        machine.send_data(machine.send_request(request), b"hello")
    return machine


def answer(machine: MultiplexedMachine) -> None:
    """Answer the request that is complete."""
    response = Response(200, "", 11, Headers())
    response.framing = COUNTED
    response.length = 100
    machine.send_response(machine.stream, response)
    machine.send_data(machine.stream, b"x" * 100)
    machine.send_end(machine.stream, None)


def told(event: Event) -> object:
    """What an event says."""
    match event:
        case Request():
            return event.method, event.authority, event.path, event.query, event.headers.lines, event.framing
        case Response():
            return event.status, event.headers.lines, event.framing
        case End():
            return None if event.trailers is None else event.trailers.lines
        case Fault():
            return event.reason.code, event.detail
    return event.kind


def listen(machine: MultiplexedMachine, octets: bytes, step: int) -> tuple[list[object], bytes]:
    """Everything a machine reports and sends of octets and the end of the stream, fed `step` at a time."""
    heard: list[object] = []
    bodies: dict[int, bytes] = {}
    for start in range(0, len(octets) + step, step):
        machine.receive(octets[start : start + step], 1.0)
        while (event := machine.next_event()) is not None:
            stream = machine.stream
            if isinstance(event, Data):
                if not event.data:
                    raise Finding("an event without octets")
                bodies[stream] = bodies.get(stream, b"") + event.data
                machine.consume(stream, len(event.data))
            else:
                body = bodies.pop(stream, b"")
                # Of a frame that breaks a limit, what came before the rest of it has been told already.
                heard.append((stream, told(event), b"" if isinstance(event, Fault) else body))
                if isinstance(machine, H2Server) and isinstance(event, End | Fault) and machine.is_open(stream):
                    answer(machine)
                    if isinstance(event, Fault):
                        machine.reset(stream, 0)
    heard.append(bodies)
    return heard, machine.take_output()


def check_frames(octets: bytes) -> None:
    """What is sent is whole frames."""
    octets = octets.removeprefix(PREFACE)
    while octets:
        end = 9 + int.from_bytes(octets[:3], "big")
        if len(octets) < end:
            raise Finding("a frame is cut short")
        octets = octets[end:]


def check(octets: bytes) -> None:
    """Feed both sides, whole and in pieces."""
    for make in (make_server, make_client):
        whole, sent = listen(make(), octets, max(1, len(octets)))
        check_frames(sent)
        for step in (1, 3, 10):
            pieces, _ = listen(make(), octets, step)
            if pieces != whole:
                raise Finding(f"in pieces of {step} octets {octets!r} is {pieces!r}, whole it is {whole!r}")


if __name__ == "__main__":
    run(check, PARTS)
