"""Traces through real proxies, as a collector sees them: client, proxy, proxy, backend."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest
from live_proxy import LiveProxy, forward_to, live_proxy, resident_bytes, wait_until
from otlp_receiver import OtlpReceiver, ReceivedSpan, otlp_receiver
from programs import free_port
from recording_backend import RecordingBackend, recording_backend

pytestmark = pytest.mark.e2e

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches that do not wait long for others."""
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[OtlpReceiver]:
    """A collector, to which the proxies of the test export."""
    with otlp_receiver() as made:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", made.url)
        yield made


@pytest.fixture
def backend() -> Iterator[RecordingBackend]:
    """What the requests are for."""
    with recording_backend() as made:
        yield made


@contextlib.contextmanager
def two_proxies(backend: RecordingBackend, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[LiveProxy, LiveProxy]]:
    """A proxy before a proxy before the backend; the first is called edge, the second inner."""
    monkeypatch.setenv("OTEL_SERVICE_NAME", "inner")
    with live_proxy(forward_to(backend.port)) as inner:
        monkeypatch.setenv("OTEL_SERVICE_NAME", "edge")
        with live_proxy(forward_to(inner.port)) as edge:
            yield edge, inner


def ask(port: int, requests: list[dict[str, str]]) -> None:
    """GETs with these header fields, one after the other on one connection; each must be answered with 200."""
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    for headers in requests:
        connection.request("GET", "/books?page=2", headers=headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
    connection.close()


def by_place(spans: list[ReceivedSpan]) -> dict[tuple[str, str], ReceivedSpan]:
    """The spans of one trace by service and kind, of which each must be there once."""
    placed = {(span.service, span.kind): span for span in spans}
    assert len(spans) == len(placed)
    assert set(placed) == {("edge", "server"), ("edge", "client"), ("inner", "server"), ("inner", "client")}
    return placed


def test_every_trace_is_one_tree_from_the_client_to_the_backend(
    receiver: OtlpReceiver, backend: RecordingBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    garbage: list[dict[str, str]] = [
        {"traceparent": "00-" + "0" * 32 + f"-{SPAN}-01", "tracestate": "theirs=1"},
        {"traceparent": f"00-{TRACE.upper()}-{SPAN}-01"},
        {"traceparent": "x" * 5000},
        {"b3": "not-a-trace"},
        {"x-b3-traceid": "1", "x-b3-spanid": "\xff", "x-b3-sampled": "yes"},
    ]
    continued = [
        {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "theirs=1", "baggage": "user=7"},
        {"b3": f"{TRACE[::-1]}-{SPAN}-1"},
    ]
    unsampled = [{"traceparent": f"00-{'c' * 32}-{SPAN}-00"}, {"b3": "0"}]
    with two_proxies(backend, monkeypatch) as (edge, _):
        ask(edge.port, [*({} for _ in range(20)), *garbage, *continued, *unsampled])
        receiver.wait_spans(4 * 27)
    traces = receiver.traces()
    assert len(traces) == 27
    sent = {
        fields["traceparent"]: fields for request in backend.requests() if (fields := dict(request.fields)).get("traceparent")
    }
    for trace_id, spans in traces.items():
        placed = by_place(spans)
        root = placed["edge", "server"]
        assert root.parent_id == (SPAN if trace_id in {TRACE, TRACE[::-1]} else "")
        assert placed["edge", "client"].parent_id == root.span_id
        assert placed["inner", "server"].parent_id == placed["edge", "client"].span_id
        assert placed["inner", "server"].remote_parent
        assert placed["inner", "client"].parent_id == placed["inner", "server"].span_id
        assert f"00-{trace_id}-{placed['inner', 'client'].span_id}-01" in sent
        for span in spans:
            assert span.attributes["url.path"] == "/books"
            assert span.attributes["http.response.status_code"] == 200
            assert not span.failed
    kept = next(fields for parent, fields in sent.items() if TRACE in parent)
    assert (kept["tracestate"], kept["baggage"]) == ("theirs=1", "user=7")
    assert by_place(traces[TRACE])["inner", "client"].trace_state == "theirs=1"
    # What was not sampled came through as it was, and nobody exported a span for it.
    assert f"00-{'c' * 32}-{SPAN}-00" in sent
    assert "c" * 32 not in traces


def test_a_share_is_sampled_and_all_hops_agree(
    receiver: OtlpReceiver, backend: RecordingBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.1")
    with two_proxies(backend, monkeypatch) as (edge, inner):
        ask(edge.port, [{} for _ in range(500)])
        # Workers hand their last spans over when they end, and agents export them.
        assert edge.terminate() == 0
        assert inner.terminate() == 0
    traces = receiver.traces()
    # Fifty, within five standard deviations.
    assert 16 <= len(traces) <= 84
    for spans in traces.values():
        by_place(spans)


def test_a_collector_that_is_away_costs_a_bounded_queue_and_no_request(
    backend: RecordingBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "200")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "100")
    admin = free_port()
    with live_proxy(forward_to(backend.port), options=("--admin", f"127.0.0.1:{admin}")) as proxy:
        ask(proxy.port, [{} for _ in range(500)])
        # By then all that the first export and the first scrape load is there.
        wait_until(
            lambda: re.search(r"hauberk_span_export_failures_total [1-9]", metrics(admin)) is not None, lambda: metrics(admin)
        )
        before = resident_bytes(proxy.process.pid)
        ask(proxy.port, [{} for _ in range(1500)])
        # 4,000 spans, of which the queue holds 200 and a batch under way 100.
        wait_until(lambda: dropped(admin, "queue") >= 3600, lambda: metrics(admin))
        assert resident_bytes(proxy.process.pid) - before < 4 * 1024 * 1024
        assert "hauberk_spans_exported_total 0.0" in metrics(admin)
        assert re.search(r"hauberk_span_export_failures_total [1-9]", metrics(admin))
        assert proxy.log().count("spans cannot be exported") == 1
        # Within the time that `terminate` waits at most: nobody goes on trying to reach the collector.
        assert proxy.terminate() == 0


def test_a_worker_that_is_killed_loses_its_last_second_and_nothing_else(
    receiver: OtlpReceiver, backend: RecordingBackend
) -> None:
    with live_proxy(forward_to(backend.port)) as proxy:
        ask(proxy.port, [{}])
        receiver.wait_spans(2)
        [worker] = proxy.workers()
        os.kill(worker, signal.SIGKILL)
        proxy.wait_until(lambda: proxy.log().count("worker 0 is ready") == 2)
        ask(proxy.port, [{}])
        receiver.wait_spans(4)


def test_without_an_endpoint_no_span_is_made(backend: RecordingBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    with live_proxy(forward_to(backend.port)) as proxy:
        ask(proxy.port, [{"traceparent": f"00-{TRACE}-{SPAN}-01"}, {}])
        # protobuf's library is loaded where spans are exported, and there only.
        assert "_upb" not in Path(f"/proc/{proxy.process.pid}/maps").read_text()
    first, second = (dict(request.fields) for request in backend.requests())
    assert first["traceparent"] == f"00-{TRACE}-{SPAN}-01"
    assert "traceparent" not in second


def test_with_the_plugin_switched_off_it_is_told(
    receiver: OtlpReceiver, backend: RecordingBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAUBERK_PLUGINS_OFF", "tracing")
    with live_proxy(forward_to(backend.port)) as proxy:
        proxy.wait_logged("no spans are made, although an endpoint for them is given: the plugin tracing is switched off")
        ask(proxy.port, [{"x-request-id": str(uuid.uuid4())}])


def test_the_commands_of_the_how_to_work(receiver: OtlpReceiver, backend: RecordingBackend, repository: Path) -> None:
    ports = {"4318": receiver.port, "8080": free_port(), "9000": backend.port, "15000": free_port()}
    text = (repository / "docs/how-to/tracing.md").read_text()
    start, ask_once, look, _ = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}

    def runnable(commands: str) -> list[str]:
        commands = re.sub(r"127\.0\.0\.1:(\d+)", lambda match: f"127.0.0.1:{ports[match[1]]}", commands)
        return [
            "bash",
            "-euo",
            "pipefail",
            "-c",
            commands.replace("hauberk proxy", f"exec {sys.executable} -m hauberk_cli proxy"),
        ]

    def succeeds(commands: str) -> bool:
        return subprocess.run(runnable(commands), env=environment, capture_output=True, check=False).returncode == 0

    with subprocess.Popen(runnable(start), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as proxy:
        try:
            wait_until(lambda: succeeds(ask_once), lambda: "the proxy of the page does not answer")
            assert {span.service for span in receiver.wait_spans(2)} == {"front"}
            shown = subprocess.run(runnable(look), env=environment, capture_output=True, check=True).stdout
            assert b"hauberk_spans_exported_total" in shown
        finally:
            proxy.terminate()


def metrics(admin: int) -> str:
    """The proxy's."""
    with urllib.request.urlopen(f"http://127.0.0.1:{admin}/stats/prometheus", timeout=20) as answer:
        text: str = answer.read().decode()
    return text


def dropped(admin: int, where: str) -> float:
    """Spans lost there."""
    found = re.search(rf'hauberk_spans_dropped_total{{where="{where}"}} (\S+)', metrics(admin))
    return float(found[1]) if found else 0.0
