"""Setting the export up: what our process adds to the resource, and why it may be impossible."""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from otlp_receiver import OtlpReceiver, otlp_receiver

from hauberk_core.agent.export.settings import ExportSettings, read_settings
from hauberk_core.agent.export.start import ExportImpossible, make_exporter
from hauberk_core.build_info import version
from hauberk_core.model.span import SERVER, Span, encode_span
from hauberk_core.observe.cells import Cells, create_cells
from hauberk_core.observe.span_meters import SpanMeters


@pytest.fixture
def meters() -> SpanMeters:
    """Counters of their own."""
    with tempfile.TemporaryFile() as file:
        create_cells(file.fileno(), 64, 4096)
        return SpanMeters(Cells(file.fileno()))


@pytest.fixture
def receiver() -> Iterator[OtlpReceiver]:
    """A collector."""
    with otlp_receiver() as made:
        yield made


def settings(url: str, **environ: str) -> ExportSettings:
    """Those for this endpoint."""
    made, warnings = read_settings({"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_BSP_SCHEDULE_DELAY": "1"} | environ, "shop")
    assert made is not None
    assert warnings == []
    return made


async def test_the_resource_names_this_process(nursery: trio.Nursery, receiver: OtlpReceiver, meters: SpanMeters) -> None:
    exporter = make_exporter(settings(receiver.url, OTEL_RESOURCE_ATTRIBUTES="host.name=pod-7,zone=a"), meters)
    nursery.start_soon(exporter.run)
    exporter.take([encode_span(Span("1" * 32, "2" * 16, "", SERVER, "GET", 1, 2))])
    with trio.fail_after(60):
        while not receiver.resources:  # noqa: ASYNC110
            await trio.sleep(0.005)
    [resource] = receiver.resources
    assert resource["service.name"] == "shop"
    assert resource["service.version"] == version()
    assert (resource["host.name"], resource["zone"]) == ("pod-7", "a")
    assert len(str(resource["service.instance.id"])) == 36


def test_without_its_library_it_says_what_to_install(meters: SpanMeters, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hauberk_core.agent.export.exporter", None)
    with pytest.raises(ExportImpossible, match=r"install hauberk\[mesh\]"):
        make_exporter(settings("http://127.0.0.1:4318"), meters)


def test_a_trust_file_without_certificates_is_told(meters: SpanMeters, tmp_path: Path) -> None:
    file = tmp_path / "trust.pem"
    file.write_text("nothing")
    with pytest.raises(ExportImpossible, match="cannot be loaded"):
        make_exporter(settings("https://127.0.0.1:4318", OTEL_EXPORTER_OTLP_CERTIFICATE=str(file)), meters)
