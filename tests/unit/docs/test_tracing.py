"""The how-to on tracing says what the code does: its variables, attributes and metrics are those that exist."""

import re
from pathlib import Path

import pytest

import hauberk_core.agent.export.settings as settings_module
import hauberk_tracing.span as span_module
from hauberk_core.observe import span_meters
from hauberk_core.observe.metrics import DROPPED_SPANS, SPANS


@pytest.fixture(scope="module")
def text(repository: Path) -> str:
    """The page."""
    return (repository / "docs/how-to/tracing.md").read_text()


def source(module: object) -> str:
    """What a module is made from, also where it is compiled."""
    name: str = getattr(module, "__name__", "")
    root = "plugins/tracing" if name.startswith("hauberk_tracing") else "core"
    return (Path(__file__).parents[3] / root / (name.replace(".", "/") + ".py")).read_text()


def test_every_variable_is_read_and_told(text: str) -> None:
    code = source(settings_module)
    read = set(re.findall(r'"(OTEL_[A-Z_]+)"', code))
    of_the_exporter = re.findall(r'(?:_otlp_name|reader\.file|reader\.milliseconds)\("([A-Z_]+)"', code)
    read |= {f"OTEL_EXPORTER_OTLP_{name}" for name in of_the_exporter}
    table = text[text.index("## Variables") : text.index("## What a span says")]
    told = {
        name
        for line in table.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`(OTEL_[A-Z_]+)`", line.split("|")[1])
    }
    assert told == read


def test_every_attribute_is_told(text: str) -> None:
    made = set(re.findall(r'"((?:client|error|hauberk|http|network|rpc|server|url|user_agent)\.[a-z_.]+)"', source(span_module)))
    rows = [line.split("|")[1:4] for line in text[text.index("## What a span says") :].splitlines() if line.startswith("| `")]
    told = {name for row in rows for cell in row for name in re.findall(r"`([a-z_]+\.[a-z_.]+)`", cell)}
    assert told == made


def test_every_metric_and_place_is_told(text: str) -> None:
    for metric in (*SPANS.metrics, *DROPPED_SPANS.metrics):
        assert f"`{metric.name}`" in text
    for where in (span_meters.WORKER, span_meters.QUEUE, span_meters.EXPORT, span_meters.COLLECTOR):
        assert f"| `{where}` |" in text
