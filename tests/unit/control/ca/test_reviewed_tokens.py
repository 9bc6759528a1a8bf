"""Service account tokens: what the API server says of them counts, for moments."""

from typing import Any, Final

import msgspec
import pytest

from hauberk_control.ca import reviewed_tokens
from hauberk_control.ca.reviewed_tokens import KEPT_SECONDS, LONGEST_TOKEN, REFUSED_SECONDS, REVIEWS, ReviewedTokens
from hauberk_control.ca.tokens import Grant, TokenRefused, TokensUnavailable
from hauberk_core.identity import SpiffeId

RIGHT: Final[dict[str, Any]] = {
    "authenticated": True,
    "user": {"username": "system:serviceaccount:shop:reviews", "extra": {"authentication.kubernetes.io/pod-name": ["r-1"]}},
    "audiences": ["hauberk"],
}
GRANT: Final = Grant(SpiffeId("cluster.local", "shop", "reviews"), "", "")


class Reviewer:
    """An API server that says what it is told to."""

    def __init__(self) -> None:
        self.status: dict[str, Any] | bytes = RIGHT
        self.asked: list[dict[str, Any]] = []
        self.time = 0.0

    async def post(self, path: str, body: bytes) -> bytes:
        assert path == REVIEWS
        self.asked.append(msgspec.json.decode(body))
        return self.status if isinstance(self.status, bytes) else msgspec.json.encode({"status": self.status})

    def tokens(self, most: int = 100) -> ReviewedTokens:
        return ReviewedTokens(self.post, "hauberk", "cluster.local", lambda: self.time, most)


async def test_a_token_proves_its_service_account_to_our_audience() -> None:
    reviewer = Reviewer()

    assert await reviewer.tokens().prove("t") == GRANT
    assert reviewer.asked == [
        {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": "t", "audiences": ["hauberk"]}}
    ]


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ({"authenticated": False, "error": "expired"}, "bad token"),
        ({}, "bad token"),
        ({**RIGHT, "audiences": ["https://kubernetes.default.svc"]}, "other audience"),
        ({**RIGHT, "audiences": []}, "other audience"),
        ({**RIGHT, "user": {"username": "admin"}}, "no service account"),
        ({**RIGHT, "user": {"username": "system:serviceaccount:shop"}}, "no service account"),
        ({**RIGHT, "user": {"username": "system:serviceaccount:shop:re/views"}}, "no service account"),
        ({**RIGHT, "user": {"username": "x:system:serviceaccount:shop:reviews"}}, "no service account"),
    ],
)
async def test_others_are_refused(status: dict[str, Any], reason: str) -> None:
    reviewer = Reviewer()
    reviewer.status = status

    with pytest.raises(TokenRefused) as refused:
        await reviewer.tokens().prove("t")
    assert refused.value.reason == reason


@pytest.mark.parametrize("token", ["x" * (LONGEST_TOKEN + 1), "\u00e9"])
async def test_what_is_no_token_is_not_even_asked_about(token: str) -> None:
    reviewer = Reviewer()

    with pytest.raises(TokenRefused):
        await reviewer.tokens().prove(token)
    assert reviewer.asked == []


async def test_the_answer_is_remembered_for_moments() -> None:
    reviewer = Reviewer()
    tokens = reviewer.tokens()
    await tokens.prove("t")
    reviewer.status = {"authenticated": False}
    reviewer.time = KEPT_SECONDS - 0.1
    assert await tokens.prove("t") == GRANT
    reviewer.time = KEPT_SECONDS
    with pytest.raises(TokenRefused):
        await tokens.prove("t")
    reviewer.status = RIGHT
    reviewer.time += REFUSED_SECONDS - 0.1
    with pytest.raises(TokenRefused):
        await tokens.prove("t")
    reviewer.time += 0.1
    assert await tokens.prove("t") == GRANT
    assert len(reviewer.asked) == 3


async def test_only_so_many_answers_are_remembered() -> None:
    reviewer = Reviewer()
    tokens = reviewer.tokens(most=2)
    for name in ("a", "b", "c", "a"):
        await tokens.prove(name)

    assert [one["spec"]["token"] for one in reviewer.asked] == ["a", "b", "c", "a"]


async def test_an_api_server_that_is_away_refuses_nobody_for_good() -> None:
    reviewer = Reviewer()
    reviewer.status = b"not json"
    tokens = reviewer.tokens()
    with pytest.raises(TokensUnavailable):
        await tokens.prove("t")
    reviewer.status = RIGHT

    assert await tokens.prove("t") == GRANT


def test_what_is_kept_is_briefer_than_a_token_lives() -> None:
    assert reviewed_tokens.KEPT_SECONDS <= 60
