"""The exporter before a real collector: what arrives, what is tried again, what is given up, and that all of it is counted."""

import ssl
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trio
import trustme
from otlp_receiver import Answer, OtlpReceiver, otlp_receiver, partial_success
from programs import free_port

from hauberk_core.agent.export.exporter import Patience, SpanExporter
from hauberk_core.agent.export.settings import read_settings
from hauberk_core.model.span import CLIENT, SERVER, Span, SpanEvent, encode_span
from hauberk_core.observe.cells import Cells, create_cells
from hauberk_core.observe.span_meters import COLLECTOR, EXPORT, QUEUE, SpanMeters

# Attempts follow each other without rest; a batch is worth a minute.
QUICK = Patience(0.001, 0.002, 60.0)
PATIENCE = 60.0


@pytest.fixture
def receiver() -> Iterator[OtlpReceiver]:
    """A collector."""
    with otlp_receiver() as made:
        yield made


@pytest.fixture
def meters() -> SpanMeters:
    """Counters of their own."""
    with tempfile.TemporaryFile() as file:
        create_cells(file.fileno(), 64, 4096)
        return SpanMeters(Cells(file.fileno()))


def make_exporter(url: str, meters: SpanMeters, patience: Patience = QUICK, **environ: str) -> SpanExporter:
    """An exporter that waits for no others."""
    defaults = {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_BSP_SCHEDULE_DELAY": "1", "OTEL_SERVICE_NAME": "tested"}
    settings, warnings = read_settings(defaults | environ, "hauberk")
    assert settings is not None
    assert warnings == []
    return SpanExporter(settings, meters, "1.2.3", lambda: 0.0, patience)


def make_spans(count: int, **changes: Any) -> list[bytes]:
    """Encoded spans with different identifiers."""
    fields: dict[str, Any] = {"parent_id": "", "kind": SERVER, "name": "GET", "start": 10, "end": 20}
    return [encode_span(Span(trace_id="1" * 32, span_id=f"{number + 1:016x}", **(fields | changes))) for number in range(count)]


async def wait_for(condition: Callable[[], bool]) -> None:
    """Wait for something that happens elsewhere. Raises: trio.TooSlowError."""
    with trio.fail_after(PATIENCE):
        while not condition():  # noqa: ASYNC110
            await trio.sleep(0.002)


async def test_spans_arrive_as_they_were(nursery: trio.Nursery, receiver: OtlpReceiver, meters: SpanMeters) -> None:
    exporter = make_exporter(receiver.url, meters)
    nursery.start_soon(exporter.run)
    span = Span(
        "0af7651916cd43dd8448eb211c80319c",
        "b7ad6b7169203331",
        "00f067aa0ba902b7",
        CLIENT,
        "GET",
        1_700_000_000_000_000_001,
        1_700_000_000_000_000_009,
        {"text": "büro", "number": 7, "share": 0.5, "flag": True},
        [SpanEvent(1_700_000_000_000_000_005, "event", {"a": 1})],
        "a=1",
        True,
        "why",
    )
    exporter.take([encode_span(span)])
    await wait_for(lambda: meters.exported_total() == 1)
    [received] = receiver.spans
    assert received.trace_id == span.trace_id
    assert (received.span_id, received.parent_id, received.kind) == (span.span_id, span.parent_id, "client")
    assert (received.start, received.end) == (span.start, span.end)
    assert received.attributes == span.attributes
    assert (received.failed, received.message, received.trace_state, received.remote_parent) == (True, "why", "a=1", True)
    assert receiver.resources == [{"service.name": "tested"}]
    assert receiver.requests[0]["user-agent"] == "hauberk/1.2.3"


async def test_batches_have_their_size_and_share_a_connection(
    nursery: trio.Nursery, receiver: OtlpReceiver, meters: SpanMeters
) -> None:
    exporter = make_exporter(receiver.url, meters, OTEL_BSP_MAX_EXPORT_BATCH_SIZE="100", OTEL_EXPORTER_OTLP_COMPRESSION="gzip")
    exporter.take(make_spans(250))
    nursery.start_soon(exporter.run)
    await wait_for(lambda: meters.exported_total() == 250)
    assert len(receiver.requests) == 3
    assert receiver.requests[0]["content-encoding"] == "gzip"
    assert len({span.span_id for span in receiver.spans}) == 250


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_a_passing_failure_is_tried_again(
    nursery: trio.Nursery, receiver: OtlpReceiver, meters: SpanMeters, status: int
) -> None:
    receiver.answers.extend([Answer(status), Answer(status)])
    exporter = make_exporter(receiver.url, meters)
    nursery.start_soon(exporter.run)
    exporter.take(make_spans(3))
    await wait_for(lambda: meters.exported_total() == 3)
    assert len(receiver.requests) == 3
    assert meters.dropped_total(EXPORT) == 0


async def test_a_lasting_failure_is_not(nursery: trio.Nursery, receiver: OtlpReceiver, meters: SpanMeters) -> None:
    receiver.answers.append(Answer(400))
    exporter = make_exporter(receiver.url, meters)
    nursery.start_soon(exporter.run)
    exporter.take(make_spans(3))
    await wait_for(lambda: meters.dropped_total(COLLECTOR) == 3)
    exporter.take(make_spans(1))
    await wait_for(lambda: meters.exported_total() == 1)
    assert len(receiver.requests) == 2


async def test_the_collector_says_when_to_come_back(nursery: trio.Nursery, receiver: OtlpReceiver, meters: SpanMeters) -> None:
    receiver.answers.append(Answer(503, (("retry-after", "1"),)))
    exporter = make_exporter(receiver.url, meters)
    nursery.start_soon(exporter.run)
    begun = trio.current_time()
    exporter.take(make_spans(1))
    await wait_for(lambda: meters.exported_total() == 1)
    assert trio.current_time() - begun >= 1.0


async def test_what_a_collector_refuses_of_a_batch_is_counted(
    nursery: trio.Nursery, receiver: OtlpReceiver, meters: SpanMeters
) -> None:
    receiver.answers.append(Answer(200, body=partial_success(2, "too old")))
    exporter = make_exporter(receiver.url, meters)
    nursery.start_soon(exporter.run)
    exporter.take(make_spans(5))
    await wait_for(lambda: meters.exported_total() == 3)
    assert meters.dropped_total(COLLECTOR) == 2


async def test_a_collector_that_is_away_costs_a_bounded_queue(nursery: trio.Nursery, meters: SpanMeters) -> None:
    environ = {"OTEL_BSP_MAX_QUEUE_SIZE": "100", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "10"}
    exporter = make_exporter(f"http://127.0.0.1:{free_port()}", meters, Patience(0.001, 0.002, 0.05), **environ)
    exporter.take(make_spans(250))
    assert meters.dropped_total(QUEUE) == 150
    nursery.start_soon(exporter.run)
    await wait_for(lambda: meters.dropped_total(EXPORT) == 100)
    assert meters.exported_total() == 0


async def test_a_collector_that_comes_back_gets_what_waited(nursery: trio.Nursery, meters: SpanMeters) -> None:
    port = free_port()
    exporter = make_exporter(f"http://127.0.0.1:{port}", meters, Patience(0.01, 0.01, PATIENCE))
    nursery.start_soon(exporter.run)
    exporter.take(make_spans(2))
    await trio.sleep(0.05)
    with otlp_receiver(port) as back:
        await wait_for(lambda: meters.exported_total() == 2)
        assert len(back.spans) == 2


async def test_finishing_exports_what_is_left(nursery: trio.Nursery, receiver: OtlpReceiver, meters: SpanMeters) -> None:
    exporter = make_exporter(receiver.url, meters, OTEL_BSP_SCHEDULE_DELAY="60000")
    nursery.start_soon(exporter.run)
    exporter.take(make_spans(5))
    with trio.fail_after(PATIENCE):
        await exporter.finish(PATIENCE)
    assert meters.exported_total() == 5


async def test_finishing_gives_up_in_time_and_counts(nursery: trio.Nursery, meters: SpanMeters) -> None:
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:  # accepts nobody: the kernel takes the connection, and that is all
        exporter = make_exporter(f"http://127.0.0.1:{listener.socket.getsockname()[1]}", meters)
        nursery.start_soon(exporter.run)
        exporter.take(make_spans(5))
        await trio.sleep(0.05)
        with trio.fail_after(PATIENCE):
            await exporter.finish(0.05)
    assert meters.dropped_total(EXPORT) == 5


async def test_what_is_no_span_is_left_out_and_counted(nursery: trio.Nursery, receiver: OtlpReceiver, meters: SpanMeters) -> None:
    exporter = make_exporter(receiver.url, meters)
    nursery.start_soon(exporter.run)
    exporter.take([b"\xc1", *make_spans(1), *make_spans(1, start=-1), *make_spans(1, parent_id="xyz")])
    await wait_for(lambda: meters.exported_total() == 1)
    assert meters.dropped_total(EXPORT) == 3


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 20_000,
        b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n" + bytes(100_000),
    ],
)
async def test_a_hostile_collector_is_a_failure_like_another(nursery: trio.Nursery, meters: SpanMeters, answer: bytes) -> None:
    async def serve(stream: trio.SocketStream) -> None:
        async with stream:
            await stream.receive_some(65536)
            try:
                await stream.send_all(answer)
            except trio.BrokenResourceError:
                return

    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    nursery.start_soon(trio.serve_listeners, serve, listeners)
    exporter = make_exporter(f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}", meters, Patience(0.001, 0.001, 0.03))
    nursery.start_soon(exporter.run)
    exporter.take(make_spans(1))
    await wait_for(lambda: meters.dropped_total(EXPORT) == 1)


async def test_tls_believes_the_named_authority_and_no_other(nursery: trio.Nursery, meters: SpanMeters, tmp_path: Path) -> None:
    authority = trustme.CA()
    trust = tmp_path / "trust.pem"
    authority.cert_pem.write_to_path(trust)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    seen: list[bytes] = []

    async def serve(stream: trio.SSLStream[trio.SocketStream]) -> None:
        try:
            seen.append(bytes(await stream.receive_some(65536)))
            await stream.send_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            await stream.aclose()
        except trio.BrokenResourceError:
            await trio.aclose_forcefully(stream)

    listeners = await trio.open_ssl_over_tcp_listeners(0, context, host="127.0.0.1", https_compatible=True)
    nursery.start_soon(trio.serve_listeners, serve, listeners)
    inner = listeners[0].transport_listener
    assert isinstance(inner, trio.SocketListener)
    url = f"https://localhost:{inner.socket.getsockname()[1]}"
    exporter = make_exporter(url, meters, OTEL_EXPORTER_OTLP_CERTIFICATE=str(trust))
    nursery.start_soon(exporter.run)
    exporter.take(make_spans(1))
    await wait_for(lambda: meters.exported_total() == 1)
    assert seen[0].startswith(b"POST /v1/traces HTTP/1.1\r\n")
    doubtful = make_exporter(url, meters, Patience(0.001, 0.001, 0.01))
    nursery.start_soon(doubtful.run)
    doubtful.take(make_spans(1))
    await wait_for(lambda: meters.dropped_total(EXPORT) == 1)
