"""How to export spans, read from the environment by OpenTelemetry's standard names.

A value that cannot be used is warned about and then counts as not given, as the specification asks. One thing differs from an
SDK: without an endpoint there is no export, and then no spans are made at all.

Source: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ and .../specs/otel/protocol/exporter/
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

from hauberk_core.plugin.fields import check_field

TRACES_PATH: Final = "/v1/traces"
SAMPLERS: Final = (
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
)
_DEFAULT_SAMPLER: Final = "parentbased_always_on"
# A bound on what an environment can ask for: 1 million spans of some hundred octets.
_LARGEST_QUEUE: Final = 1_000_000
_LONGEST_SECONDS: Final = 3600.0


class ExportSettings(NamedTuple):
    """Everything about the export, checked."""

    url: str
    """`http://` or `https://`, where batches are posted to."""
    headers: tuple[tuple[str, str], ...]
    """Sent with every batch; often a secret."""
    timeout: float
    """Seconds for one attempt."""
    gzip: bool
    trust_file: str
    """PEM bundle of the authorities believed; empty: the system's."""
    certificate_file: str
    """PEM chain that we present; empty: none."""
    key_file: str
    resource: dict[str, str]
    """What all spans are from: `service.name` and the like."""
    sampler: str
    """One of SAMPLERS."""
    ratio: float
    queue_spans: int
    """Spans that may wait in the agent."""
    batch_spans: int
    """Spans of one export at most."""
    delay: float
    """Seconds that a span waits for others."""

    def shown_url(self) -> str:
        """The URL for people, without what may be a secret: user, password, query."""
        scheme, _, rest = self.url.partition("://")
        return f"{scheme}://{rest.partition('?')[0].rpartition('@')[2]}"


def read_settings(environ: Mapping[str, str], service: str) -> tuple[ExportSettings | None, list[str]]:
    """The settings, or None where nothing is to be exported; and warnings for a person.

    Args: service - `service.name` where the environment does not say it.
    """
    reader = _Reader(environ)
    if not reader.wanted():
        return None, reader.warnings
    url = reader.url()
    if not url:
        return None, reader.warnings
    queue = reader.count("OTEL_BSP_MAX_QUEUE_SIZE", 2048)
    batch = reader.count("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512)
    if batch > queue:
        reader.warnings.append(
            f"OTEL_BSP_MAX_EXPORT_BATCH_SIZE is {batch}, more than the queue of {queue} spans; {queue} is used"
        )
        batch = queue
    sampler = reader.sampler()
    settings = ExportSettings(
        url=url,
        headers=reader.headers(),
        timeout=min(reader.milliseconds("TIMEOUT", 10_000), reader.seconds("OTEL_BSP_EXPORT_TIMEOUT", 30_000)),
        gzip=reader.gzip(),
        trust_file=reader.file("CERTIFICATE"),
        certificate_file=reader.file("CLIENT_CERTIFICATE"),
        key_file=reader.file("CLIENT_KEY"),
        resource=reader.resource(service),
        sampler=sampler,
        ratio=reader.ratio(sampler),
        queue_spans=queue,
        batch_spans=batch,
        delay=reader.seconds("OTEL_BSP_SCHEDULE_DELAY", 5000),
    )
    return settings, reader.warnings


class _Reader:
    """Reads one variable after the other, and keeps what is to be said about them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ: Final = environ
        self.warnings: Final[list[str]] = []

    def wanted(self) -> bool:
        """Whether spans are to be exported, by OTLP over HTTP: nothing else is spoken here."""
        if self._get("OTEL_SDK_DISABLED").lower() == "true":
            return False
        exporters = [name.strip() for name in self._get("OTEL_TRACES_EXPORTER").split(",") if name.strip()]
        if exporters and "otlp" not in exporters:
            if exporters != ["none"]:
                self._warn("OTEL_TRACES_EXPORTER", "the one exporter here is otlp; no spans are exported")
            return False
        protocol = self._otlp_name("PROTOCOL")
        if self._get(protocol) not in {"", "http/protobuf"}:
            self._warn(protocol, "the one protocol here is http/protobuf, which is used; collectors take it at port 4318")
        return True

    def url(self) -> str:
        """Where to post; empty: nowhere, because no endpoint is given or it cannot be used."""
        name = self._otlp_name("ENDPOINT")
        url = self._get(name)
        if not url:
            return ""
        if name == "OTEL_EXPORTER_OTLP_ENDPOINT":
            url = url.rstrip("/") + TRACES_PATH
        try:
            parts = urlsplit(url)
            usable = parts.scheme in {"http", "https"} and parts.hostname and (parts.port is None or parts.port > 0)
        except ValueError:
            usable = False
        if not usable or not url.isascii() or any(character <= " " for character in url):
            self._warn(name, "it must be http://HOST[:PORT] or https://HOST[:PORT]; no spans are made")
            return ""
        return url

    def headers(self) -> tuple[tuple[str, str], ...]:
        """`name=value` pairs with commas between them; values are percent-encoded."""
        found: list[tuple[str, str]] = []
        for pair in self._get(self._otlp_name("HEADERS")).split(","):
            if not pair.strip():
                continue
            name, equals, value = pair.partition("=")
            name, value = name.strip(), unquote(value.strip(), "latin-1")
            try:
                if not equals:
                    raise ValueError("a header is written name=value")
                check_field(name, value)
            except ValueError:
                # The value may be a secret.
                self.warnings.append(f"OTEL_EXPORTER_OTLP_HEADERS: the header {name[:64]!r} cannot be sent and is left out")
                continue
            found.append((name, value))
        return tuple(found)

    def gzip(self) -> bool:
        """Whether bodies are compressed."""
        name = self._otlp_name("COMPRESSION")
        value = self._get(name)
        if value not in {"", "none", "gzip"}:
            self._warn(name, "it may be gzip or none; none is used")
        return value == "gzip"

    def file(self, name: str) -> str:
        """A PEM file, if there is one."""
        variable = self._otlp_name(name)
        value = self._get(variable)
        if value and not Path(value).is_file():
            self._warn(variable, f"there is no file {value}; it is left out")
            return ""
        return value

    def resource(self, service: str) -> dict[str, str]:
        """`service.name` and what OTEL_RESOURCE_ATTRIBUTES adds: percent-encoded pairs."""
        resource: dict[str, str] = {"service.name": service}
        pairs = [pair for pair in self._get("OTEL_RESOURCE_ATTRIBUTES").split(",") if pair.strip()]
        given = {
            name.strip(): unquote(value.strip()) for name, equals, value in (pair.partition("=") for pair in pairs) if equals
        }
        if len(given) < len(pairs) or "" in given:
            # The specification: all or nothing.
            self._warn("OTEL_RESOURCE_ATTRIBUTES", "it must be name=value pairs with commas between them; it is left out")
            given = {}
        resource |= given
        named = self._get("OTEL_SERVICE_NAME")
        if named:
            resource["service.name"] = named
        return resource

    def sampler(self) -> str:
        """One of SAMPLERS."""
        value = self._get("OTEL_TRACES_SAMPLER")
        if value and value not in SAMPLERS:
            self._warn("OTEL_TRACES_SAMPLER", f"the samplers here are {', '.join(SAMPLERS)}; {_DEFAULT_SAMPLER} is used")
            return _DEFAULT_SAMPLER
        return value or _DEFAULT_SAMPLER

    def ratio(self, sampler: str) -> float:
        """The argument of the two samplers that have one."""
        value = self._get("OTEL_TRACES_SAMPLER_ARG")
        if not value or not sampler.endswith("traceidratio"):
            return 1.0
        try:
            ratio = float(value)
        except ValueError:
            ratio = math.nan
        if 0.0 <= ratio <= 1.0:
            return ratio
        self._warn("OTEL_TRACES_SAMPLER_ARG", "it is a share between 0 and 1; 1 is used")
        return 1.0

    def count(self, name: str, default: int) -> int:
        """A number of spans."""
        value = self._get(name)
        if not value:
            return default
        if value.isascii() and value.isdecimal() and len(value) <= 7 and 1 <= int(value) <= _LARGEST_QUEUE:
            return int(value)
        self._warn(name, f"it is a number between 1 and {_LARGEST_QUEUE}; {default} is used")
        return default

    def milliseconds(self, name: str, default: int) -> float:
        """One of the exporter's durations, in seconds."""
        return self.seconds(self._otlp_name(name), default)

    def seconds(self, name: str, default: int) -> float:
        """A duration that is given in milliseconds, in seconds."""
        value = self._get(name)
        if not value:
            return default / 1000
        if value.isascii() and value.isdecimal() and len(value) <= 7 and 0 < int(value) <= _LONGEST_SECONDS * 1000:
            return int(value) / 1000
        self._warn(name, f"it is a number of milliseconds, at most an hour; {default} is used")
        return default / 1000

    def _otlp_name(self, name: str) -> str:
        """The exporter's variable that counts: the one for traces, where it is given, goes before the general one."""
        traces = f"OTEL_EXPORTER_OTLP_TRACES_{name}"
        return traces if self._get(traces) else f"OTEL_EXPORTER_OTLP_{name}"

    def _get(self, name: str) -> str:
        return self._environ.get(name, "").strip()

    def _warn(self, name: str, what: str) -> None:
        self.warnings.append(f"{name} is {self._get(name)[:128]!r}: {what}")
