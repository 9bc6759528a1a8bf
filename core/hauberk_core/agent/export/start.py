"""Sets the export of spans up, and loads what it needs: protobuf and its messages take 10 MiB, which other proxies do without."""

import platform
import random
import ssl
import uuid
from typing import TYPE_CHECKING

from hauberk_core.agent.export.settings import ExportSettings
from hauberk_core.build_info import version
from hauberk_core.observe.span_meters import SpanMeters

if TYPE_CHECKING:
    from hauberk_core.agent.export.exporter import SpanExporter


class ExportImpossible(Exception):
    """Spans are to be exported and cannot be; the message says why and what to do."""


def make_exporter(settings: ExportSettings, meters: SpanMeters) -> "SpanExporter":
    """The exporter of this process.

    Raises: ExportImpossible.
    """
    try:
        from hauberk_core.agent.export.exporter import SpanExporter
    except ImportError as error:
        raise ExportImpossible(
            f"OTEL_EXPORTER_OTLP_ENDPOINT asks for spans to be exported, and {error.name} is missing: install hauberk[mesh]"
        ) from error
    ours = {
        "service.version": version(),
        "service.instance.id": str(uuid.uuid4()),
        "host.name": platform.node(),
        "telemetry.sdk.name": "hauberk",
        "telemetry.sdk.language": "python",
        "telemetry.sdk.version": version(),
    }
    # What the environment says of this process goes before what we know.
    complete = settings._replace(resource=ours | settings.resource)
    try:
        return SpanExporter(complete, meters, version(), random.random)
    except (OSError, ssl.SSLError) as error:
        raise ExportImpossible(
            f"a certificate for {settings.shown_url()} cannot be loaded: {error}; see OTEL_EXPORTER_OTLP_CERTIFICATE"
        ) from error
