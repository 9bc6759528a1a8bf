"""Where the spans of the demo go: to its own collector, or to one that the environment names."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final, NamedTuple

from hauberk_cli.demo.span_receiver import PREFERRED_PORT, span_receiver

_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_SHARE: Final = "0.05"
"""Of the demo's own visitors: one a second. Whoever sends `traceparent` decides for themselves."""
_DELAY: Final = "500"
"""Milliseconds that a span waits for others, so that people need not wait."""


class Collector(NamedTuple):
    """Where the latest traces are shown, and what proxies are told."""

    url: str
    """Empty: it is not the demo's."""
    variables: Mapping[str, str]


@contextmanager
def demo_collector() -> Iterator[Collector]:
    """A collector of our own for as long as the context lasts, unless the environment names one."""
    if any(map(os.environ.get, _ENDPOINTS)):
        yield Collector("", {})
        return
    with span_receiver(PREFERRED_PORT) as receiver:
        variables = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
            "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
            "OTEL_TRACES_SAMPLER_ARG": _SHARE,
            "OTEL_BSP_SCHEDULE_DELAY": _DELAY,
        }
        yield Collector(receiver.url, variables)
