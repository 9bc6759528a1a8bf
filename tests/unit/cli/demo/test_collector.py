"""Where the demo's spans go."""

import pytest

from hauberk_cli.demo.collector import demo_collector


def test_the_demo_has_a_collector_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    with demo_collector() as collector:
        assert collector.url.startswith("http://127.0.0.1:")
        assert collector.variables["OTEL_EXPORTER_OTLP_ENDPOINT"] == collector.url


@pytest.mark.parametrize("name", ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"])
def test_a_collector_that_the_environment_names_gets_them_as_it_says(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "http://collector.test:4318")
    with demo_collector() as collector:
        assert collector.url == ""
        assert collector.variables == {}
