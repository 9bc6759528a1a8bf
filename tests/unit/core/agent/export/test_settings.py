"""OpenTelemetry's variables: what they mean, and that a wrong one is told and stops nothing."""

from pathlib import Path

import pytest

from hauberk_core.agent.export.settings import ExportSettings, read_settings

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}


def read(**environ: str) -> ExportSettings:
    """The settings with an endpoint and these variables, which must all be right."""
    settings, warnings = read_settings(ENDPOINT | environ, "hauberk")
    assert warnings == []
    assert settings is not None
    return settings


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": " "},
        ENDPOINT | {"OTEL_SDK_DISABLED": "True"},
        ENDPOINT | {"OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_without_an_endpoint_or_a_wish_nothing_is_exported(environ: dict[str, str]) -> None:
    assert read_settings(environ, "hauberk") == (None, [])


def test_the_defaults_are_the_specifications() -> None:
    settings = read()
    assert settings.url == "http://127.0.0.1:4318/v1/traces"
    assert (settings.timeout, settings.delay, settings.queue_spans, settings.batch_spans) == (10.0, 5.0, 2048, 512)
    assert (settings.sampler, settings.ratio, settings.gzip, settings.headers) == ("parentbased_always_on", 1.0, False, ())
    assert settings.resource == {"service.name": "hauberk"}


def test_the_variable_for_traces_goes_before_the_general_one() -> None:
    settings = read(
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="https://collector.test/own/path",
        OTEL_EXPORTER_OTLP_TIMEOUT="2000",
        OTEL_EXPORTER_OTLP_TRACES_TIMEOUT="1500",
        OTEL_EXPORTER_OTLP_TRACES_COMPRESSION="gzip",
    )
    assert settings.url == "https://collector.test/own/path"
    assert settings.timeout == 1.5
    assert settings.gzip


def test_the_endpoints_own_path_comes_before_the_signals() -> None:
    assert read(OTEL_EXPORTER_OTLP_ENDPOINT="http://c.test/otlp/").url == "http://c.test/otlp/v1/traces"


def test_headers_and_resource_are_percent_encoded_pairs() -> None:
    settings = read(
        OTEL_EXPORTER_OTLP_HEADERS="Authorization=Bearer%20abc%3D, x-tenant = a",
        OTEL_RESOURCE_ATTRIBUTES="service.name=shop,deployment.environment.name=b%C3%BCro",
    )
    assert settings.headers == (("Authorization", "Bearer abc="), ("x-tenant", "a"))
    assert settings.resource == {"service.name": "shop", "deployment.environment.name": "büro"}


def test_the_services_own_variable_goes_before_its_attribute() -> None:
    settings = read(OTEL_SERVICE_NAME="front", OTEL_RESOURCE_ATTRIBUTES="service.name=shop")
    assert settings.resource["service.name"] == "front"


def test_the_sampler_and_its_argument() -> None:
    settings = read(OTEL_TRACES_SAMPLER="parentbased_traceidratio", OTEL_TRACES_SAMPLER_ARG="0.25")
    assert (settings.sampler, settings.ratio) == ("parentbased_traceidratio", 0.25)
    assert read(OTEL_TRACES_SAMPLER="always_on", OTEL_TRACES_SAMPLER_ARG="0.25").ratio == 1.0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "brotli"),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "soon"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "-1"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/no/such/file"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "no equals sign"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x=line%0Abreak"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "content-length=7"),
        ("OTEL_BSP_SCHEDULE_DELAY", "0"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "\u0663"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "99999999999"),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=ok,broken"),
        ("OTEL_TRACES_SAMPLER", "jaeger_remote"),
    ],
)
def test_a_wrong_value_is_told_and_counts_as_none(name: str, value: str) -> None:
    settings, warnings = read_settings(ENDPOINT | {name: value}, "hauberk")
    [warning] = warnings
    assert warning.startswith(name)
    assert settings == read()


@pytest.mark.parametrize("value", ["2", "-0.1", "nan", "half"])
def test_a_wrong_ratio_is_told(value: str) -> None:
    environ = ENDPOINT | {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": value}
    settings, warnings = read_settings(environ, "hauberk")
    assert settings is not None
    assert (settings.ratio, len(warnings)) == (1.0, 1)


@pytest.mark.parametrize(
    "url", ["127.0.0.1:4318", "grpc://c.test", "http://", "http://c.test:port", "http://c.test/\u00e9", "http://c d"]
)
def test_an_endpoint_that_cannot_be_used_is_told_and_stops_tracing(url: str) -> None:
    settings, warnings = read_settings({"OTEL_EXPORTER_OTLP_ENDPOINT": url}, "hauberk")
    assert settings is None
    assert "no spans are made" in warnings[0]


def test_a_batch_fits_into_the_queue() -> None:
    settings, warnings = read_settings(ENDPOINT | {"OTEL_BSP_MAX_QUEUE_SIZE": "100"}, "hauberk")
    assert settings is not None
    assert settings.batch_spans == 100
    assert len(warnings) == 1


def test_a_secret_header_is_not_shown_in_a_warning() -> None:
    _, warnings = read_settings(ENDPOINT | {"OTEL_EXPORTER_OTLP_HEADERS": "authorization=s3cr%0At"}, "hauberk")
    assert "s3cr" not in warnings[0]


def test_files_that_are_there_are_used(tmp_path: Path) -> None:
    file = tmp_path / "trust.pem"
    file.write_text("")
    assert read(OTEL_EXPORTER_OTLP_CERTIFICATE=str(file)).trust_file == str(file)


def test_secrets_in_the_url_are_not_shown() -> None:
    settings = read(OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="https://user:secret@c.test:4318/v1/traces?token=secret")
    assert settings.shown_url() == "https://c.test:4318/v1/traces"
