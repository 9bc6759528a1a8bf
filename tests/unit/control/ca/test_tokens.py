import pytest

from hauberk_control.ca.tokens import LONGEST_LIFETIME, Grant, JoinTokens, TokenRefused, TooManyTokens
from hauberk_core.identity import SpiffeId

REVIEWS = Grant(SpiffeId("cluster.local", "shop", "reviews"), "sidecar", "reviews-v1")
RATINGS = Grant(SpiffeId("cluster.local", "shop", "ratings"), "sidecar", "ratings-v1")


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(clock: Clock) -> JoinTokens:
    return JoinTokens(clock, most=3)


def refusal(tokens: JoinTokens, token: str) -> str:
    with pytest.raises(TokenRefused) as caught:
        tokens.redeem(token)
    return caught.value.reason


def test_each_token_is_good_for_what_it_was_made_for(tokens: JoinTokens) -> None:
    first, second = tokens.make(REVIEWS), tokens.make(RATINGS)

    assert tokens.redeem(second) == RATINGS
    assert tokens.redeem(first) == REVIEWS


def test_a_token_is_good_once(tokens: JoinTokens) -> None:
    token = tokens.make(REVIEWS)
    tokens.redeem(token)

    assert refusal(tokens, token) == "unknown token"


def test_looking_does_not_use_it_up(tokens: JoinTokens) -> None:
    token = tokens.make(REVIEWS)

    assert tokens.look(token) == tokens.look(token) == tokens.redeem(token)


def test_a_token_expires(tokens: JoinTokens, clock: Clock) -> None:
    token = tokens.make(REVIEWS, lifetime=10)
    clock.time += 9.9
    tokens.look(token)
    clock.time += 0.1

    assert refusal(tokens, token) == "expired token"
    assert refusal(tokens, token) == "unknown token"


def test_the_secret_is_not_kept(tokens: JoinTokens) -> None:
    token = tokens.make(REVIEWS)

    assert token.partition(".")[2] not in repr(vars(tokens))


def test_a_token_with_another_secret_or_name_is_refused_and_leaves_the_right_one_good(tokens: JoinTokens) -> None:
    first, second = tokens.make(REVIEWS), tokens.make(RATINGS)
    name, _, secret = first.partition(".")
    other_name, _, other_secret = second.partition(".")

    assert refusal(tokens, f"{name}.{other_secret}") == "unknown token"
    assert refusal(tokens, f"{other_name}.{secret}") == "unknown token"
    assert refusal(tokens, f"{name}.{'A' * 43}") == "unknown token"
    assert tokens.redeem(first) == REVIEWS


@pytest.mark.parametrize("token", ["", ".", "hbj_", "hbj_" + "x" * 56, "x" * 10_000, "hbj_" + "\u00e4" * 12 + "." + "A" * 43])
def test_what_is_no_token(tokens: JoinTokens, token: str) -> None:
    assert refusal(tokens, token) == "malformed token"


def test_a_secret_that_is_no_base64(tokens: JoinTokens) -> None:
    assert refusal(tokens, "hbj_" + "x" * 12 + "." + "!" * 43) == "malformed token"


def test_tokens_differ_and_have_256_random_bits() -> None:
    tokens = JoinTokens(Clock(), most=1000)

    made = {tokens.make(REVIEWS) for _ in range(200)}

    assert len({token.partition(".")[2] for token in made}) == 200
    assert {len(token.partition(".")[2]) for token in made} == {43}


def test_only_so_many_wait(tokens: JoinTokens, clock: Clock) -> None:
    made = [tokens.make(REVIEWS, lifetime=10) for _ in range(3)]
    with pytest.raises(TooManyTokens):
        tokens.make(REVIEWS)

    tokens.redeem(made[0])
    tokens.make(REVIEWS, lifetime=100)
    assert tokens.waiting() == 3
    clock.time += 11
    tokens.make(REVIEWS)
    assert tokens.waiting() == 2


@pytest.mark.parametrize("lifetime", [0, -1, LONGEST_LIFETIME + 1, float("nan")])
def test_a_lifetime_that_is_not_allowed(tokens: JoinTokens, lifetime: float) -> None:
    with pytest.raises(ValueError, match="join token lives"):
        tokens.make(REVIEWS, lifetime)
