"""Takes spans from the workers and hands them to a collector: in batches, with patience, and never at the traffic's cost."""

import gzip
import ssl
import time
from collections import deque
from collections.abc import Callable, Sequence
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple

import trio

from hauberk_core.agent.export.otlp import CONTENT_TYPE, Encoded, encode_request, rejected_spans
from hauberk_core.agent.export.post import PostAnswer, Poster, PostFailed
from hauberk_core.agent.export.settings import ExportSettings
from hauberk_core.agent.logs import LOG
from hauberk_core.observe.span_meters import COLLECTOR, EXPORT, QUEUE, SpanMeters

# Beside the number of spans, because a span may be large.
QUEUED_OCTETS: Final = 16 * 1024 * 1024
# A collector may ask for more patience than that (Retry-After), and nothing is sent to it meanwhile; but not for ever.
LONGEST_RETRY_AFTER: Final = 300.0
# The protocol's list: try again, later. Every other failure stays one however often it is tried.
RETRYABLE: Final = frozenset({429, 502, 503, 504})


class Patience(NamedTuple):
    """How long a batch is worth trying, in seconds."""

    first_pause: float = 1.0
    """Between the first attempt and the second; each pause is twice the one before, and up to half as much again by chance, so
    that a fleet does not come back as one."""
    longest_pause: float = 16.0
    total: float = 60.0
    """Then it is given up: what came later is newer and worth more."""


class SpanExporter:
    """The agent's end of every worker's spans."""

    def __init__(
        self,
        settings: ExportSettings,
        meters: SpanMeters,
        version: str,
        random: Callable[[], float],
        patience: Patience = Patience(),  # noqa: B008 - immutable
    ) -> None:
        """Prepare.

        Args: random - gives numbers in [0, 1).
        Raises: OSError, ssl.SSLError if a certificate or trust file cannot be loaded.
        """
        self.shown_url: Final = settings.shown_url()
        """Where to, for people."""
        self._settings: Final = settings
        self._meters: Final = meters
        self._version: Final = version
        self._random: Final = random
        self._patience: Final = patience
        self._poster: Final = Poster(settings.url, _tls_context(settings))
        headers = [*settings.headers, ("content-type", CONTENT_TYPE), ("user-agent", f"hauberk/{version}")]
        if settings.gzip:
            headers.append(("content-encoding", "gzip"))
        self._headers: Final[Sequence[tuple[str, str]]] = headers
        self._queue: Final[deque[bytes]] = deque()
        self._octets = 0
        self._enough = trio.Event()
        self._not_before = 0.0
        self._failing = False
        self._scope: Final = trio.CancelScope()
        self._stopped: Final = trio.Event()

    def take(self, spans: list[bytes]) -> None:
        """Queue spans that a worker has sent, as far as there is room; drop and count the others."""
        dropped = 0
        for span in spans:
            if len(self._queue) >= self._settings.queue_spans or self._octets + len(span) > QUEUED_OCTETS:
                dropped += 1
                continue
            self._queue.append(span)
            self._octets += len(span)
        if dropped:
            self._meters.dropped(QUEUE, dropped)
        if len(self._queue) >= self._settings.batch_spans:
            self._enough.set()

    async def run(self) -> None:
        """Export until cancelled, or until `finish` is called."""
        try:
            with self._scope:
                while True:
                    with trio.move_on_after(self._settings.delay):
                        await self._enough.wait()
                    self._enough = trio.Event()
                    while self._queue:
                        await self._export(self._next_batch(), self._patience.total)
        finally:
            await self._poster.aclose()
            self._stopped.set()

    async def finish(self, seconds: float) -> None:
        """Stop `run`, and try once to export what is left. What is not out after `seconds` is dropped and counted."""
        self._scope.cancel()
        await self._stopped.wait()
        self._not_before = 0.0
        self._failing = False
        with trio.move_on_after(seconds):
            while self._queue and not self._failing:
                await self._export(self._next_batch(), 0.0)
        self._meters.dropped(EXPORT, len(self._queue))
        self._queue.clear()
        self._octets = 0
        await self._poster.aclose()

    def _next_batch(self) -> list[bytes]:
        queue = self._queue
        batch = [queue.popleft() for _ in range(min(len(queue), self._settings.batch_spans))]
        self._octets -= sum([len(span) for span in batch])
        return batch

    def _put_back(self, batch: list[bytes]) -> None:
        self._queue.extendleft(reversed(batch))
        self._octets += sum([len(span) for span in batch])

    async def _export(self, batch: list[bytes], patience: float) -> None:
        """Hand one batch over, or give it up.

        Args: patience - seconds after which it is not tried again.
        Cancellation: the batch is back in the queue; the collector may have it nevertheless, and knows it by its identifiers.
        """
        deadline = trio.current_time() + patience
        pause = self._patience.first_pause
        encoded = encode_request(batch, self._settings.resource, self._version)
        body = gzip.compress(encoded.body, 1) if self._settings.gzip else encoded.body
        try:
            while True:
                await trio.sleep_until(self._not_before)
                wait = pause * (1.0 + self._random() / 2.0)
                try:
                    answer = await self._poster.post(self._headers, body, self._settings.timeout)
                except PostFailed as error:
                    self._fail(str(error))
                else:
                    if answer.status not in RETRYABLE:
                        self._conclude(encoded, answer)
                        return
                    self._fail(f"it answered {answer.status}")
                    wait = max(wait, _retry_after(answer))
                self._not_before = trio.current_time() + wait
                if self._not_before > deadline:
                    self._meters.dropped(EXPORT, len(batch))
                    return
                pause = min(pause * 2.0, self._patience.longest_pause)
        except trio.Cancelled:
            self._put_back(batch)
            raise

    def _conclude(self, encoded: Encoded, answer: PostAnswer) -> None:
        """The collector has answered, and will not answer differently."""
        if encoded.unreadable:
            self._meters.dropped(EXPORT, encoded.unreadable)
        if not 200 <= answer.status < 300:
            self._fail(f"it answered {answer.status}, which trying again does not change")
            self._meters.dropped(COLLECTOR, encoded.spans)
            return
        rejected, why = rejected_spans(answer.body)
        rejected = min(rejected, encoded.spans)
        self._meters.exported(encoded.spans - rejected)
        if rejected:
            self._meters.dropped(COLLECTOR, rejected)
            self._fail(f"it refused {rejected} of {encoded.spans} spans: {why[:256]}")
        elif self._failing:
            self._failing = False
            LOG.info("spans are exported again")

    def _fail(self, why: str) -> None:
        self._meters.export_failed()
        if not self._failing:
            # Once: a collector that is away for a day must not fill the log. The counter tells the rest.
            self._failing = True
            LOG.warning("spans cannot be exported to %s: %s", self.shown_url, why)


def _tls_context(settings: ExportSettings) -> ssl.SSLContext | None:
    if not settings.url.startswith("https:"):
        return None
    context = ssl.create_default_context(cafile=settings.trust_file or None)
    if settings.certificate_file:
        context.load_cert_chain(settings.certificate_file, settings.key_file or None)
    return context


def _retry_after(answer: PostAnswer) -> float:
    """The seconds that an answer asks for, as a number or a date (RFC 9110 section 10.2.3); 0: none."""
    value = answer.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdecimal():
        return min(float(value[:9]), LONGEST_RETRY_AFTER)
    try:
        at = parsedate_to_datetime(value).timestamp()
    except (ValueError, OverflowError):
        return 0.0
    return min(max(at - time.time(), 0.0), LONGEST_RETRY_AFTER)
