"""Envoy's words for when to try again."""

import pytest

from hauberk_control.translate.virtual_service.retries import retry
from hauberk_core.model.mistake import Mistake
from hauberk_core.model.retry import Retry
from hauberk_core.resources.istio.virtual_service import Retries


def meant(words: str) -> tuple[tuple[int, ...], tuple[int, ...], bool]:
    mistakes: list[Mistake] = []
    found = retry(Retries(retry_on=words), (), mistakes)
    assert found is not None
    assert mistakes == []
    return found.codes, found.grpc_codes, found.unanswered


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        ("", ((), (1, 14), False)),
        ("connect-failure,refused-stream,reset-before-request", ((), (), False)),
        ("reset", ((), (), True)),
        ("gateway-error", ((502, 503, 504), (), True)),
        ("5xx", (tuple(range(500, 600)), (), True)),
        ("retriable-4xx, 503 ,retriable-status-codes", ((409, 503), (), False)),
        ("cancelled,deadline-exceeded,internal,resource-exhausted,unavailable", ((), (1, 4, 8, 13, 14), False)),
    ],
)
def test_words(words: str, meaning: tuple[tuple[int, ...], tuple[int, ...], bool]) -> None:
    assert meant(words) == meaning


@pytest.mark.parametrize("words", ["200", "6000", "503x", "retriable-headers", "envoy-ratelimited", "5XX"])
def test_what_is_no_condition_is_told(words: str) -> None:
    mistakes: list[Mistake] = []
    found = retry(Retries(retry_on=f"{words},409"), ("retries",), mistakes)
    assert found is not None
    assert found.codes == (409,)
    assert [(mistake.path, mistake.severity) for mistake in mistakes] == [(("retries", "retryOn"), "warning")]


def test_no_attempts_are_no_retries() -> None:
    assert retry(Retries(attempts=0), (), []) is None
    assert retry(None, (), []) is None


def test_what_is_not_said_is_as_everywhere() -> None:
    found = retry(Retries(), (), [])
    assert found is not None
    assert (found.attempts, found.backoff) == (Retry().attempts, Retry().backoff)
