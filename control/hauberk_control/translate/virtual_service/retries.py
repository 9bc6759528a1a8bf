"""Retries in the proxy's terms."""

from typing import Final, NamedTuple

from hauberk_core.model.duration import LONGEST_SECONDS, Duration
from hauberk_core.model.errors import Path, quote
from hauberk_core.model.mistake import Mistake
from hauberk_core.model.retry import MOST_RETRIES, Retry
from hauberk_core.resources.istio.virtual_service import Retries

_DEFAULT: Final = "connect-failure,refused-stream,unavailable,cancelled"
"""Istio's."""


class _Meaning(NamedTuple):
    codes: tuple[int, ...] = ()
    grpc_codes: tuple[int, ...] = ()
    unanswered: bool = False


_MEANINGS: Final[dict[str, _Meaning]] = {
    "5xx": _Meaning(codes=tuple(range(500, 600)), unanswered=True),
    "gateway-error": _Meaning(codes=(502, 503, 504), unanswered=True),
    "reset": _Meaning(unanswered=True),
    # What nobody can have acted on is sent again anyhow.
    "reset-before-request": _Meaning(),
    "connect-failure": _Meaning(),
    "refused-stream": _Meaning(),
    "http3-post-connect-failure": _Meaning(),
    "retriable-4xx": _Meaning(codes=(409,)),
    # Which statuses, says the list itself.
    "retriable-status-codes": _Meaning(),
    "cancelled": _Meaning(grpc_codes=(1,)),
    "deadline-exceeded": _Meaning(grpc_codes=(4,)),
    "resource-exhausted": _Meaning(grpc_codes=(8,)),
    "internal": _Meaning(grpc_codes=(13,)),
    "unavailable": _Meaning(grpc_codes=(14,)),
}
"""Of each word. Source: Envoy's documentation of `x-envoy-retry-on` and `x-envoy-retry-grpc-on`."""
_UNDONE: Final = ("envoy-ratelimited", "retriable-headers")


def retry(told: Retries | None, path: Path, mistakes: list[Mistake]) -> Retry | None:
    """When a request is sent again; None: it is not asked for."""
    if told is None or told.attempts == 0:
        return None
    if told.attempts > MOST_RETRIES:
        message = f"{told.attempts} attempts; {MOST_RETRIES} are made"
        mistakes.append(Mistake((*path, "attempts"), message, f"write at most {MOST_RETRIES}", "warning"))
    if told.retry_remote_localities:
        message = "another attempt goes where balancing sends it, whatever this says"
        mistakes.append(Mistake((*path, "retryRemoteLocalities"), message, "leave it out", "warning"))
    if told.retry_ignore_previous_hosts is False:
        message = "another attempt avoids the endpoints tried before, whatever this says"
        mistakes.append(Mistake((*path, "retryIgnorePreviousHosts"), message, "leave it out", "warning"))
    meaning = _meaning(told.retry_on or _DEFAULT, (*path, "retryOn"), mistakes)
    usual = Retry()
    backoff = told.backoff.seconds if told.backoff is not None else 0.0
    return Retry(
        codes=meaning.codes,
        grpc_codes=meaning.grpc_codes,
        unanswered=meaning.unanswered,
        attempts=min(told.attempts, MOST_RETRIES),
        backoff=Duration(min(backoff, LONGEST_SECONDS)) if backoff else usual.backoff,
    )


def _meaning(words: str, path: Path, mistakes: list[Mistake]) -> _Meaning:
    codes: set[int] = set()
    grpc_codes: set[int] = set()
    unanswered = False
    for word in [word.strip() for word in words.split(",")]:
        meaning = _MEANINGS.get(word) or _status(word)
        if meaning is not None:
            codes.update(meaning.codes)
            grpc_codes.update(meaning.grpc_codes)
            unanswered = unanswered or meaning.unanswered
        elif word:
            what = "is not done yet and has no effect" if word in _UNDONE else "is no condition that is known here"
            hint = f"known: {', '.join(_MEANINGS)}, and statuses from 400 to 599"
            mistakes.append(Mistake(path, f"{quote(word)} {what}", hint, "warning"))
    return _Meaning(tuple(sorted(codes)), tuple(sorted(grpc_codes)), unanswered)


def _status(word: str) -> _Meaning | None:
    if len(word) == 3 and word.isascii() and word.isdigit() and 400 <= int(word) <= 599:
        return _Meaning(codes=(int(word),))
    return None
