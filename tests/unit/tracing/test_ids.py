"""Random digits come from the entropy source, each once."""

import os

from hauberk_tracing.ids import RandomDigits


def test_digits_are_the_entropys_and_none_is_given_twice() -> None:
    asked: list[bytes] = []

    def entropy(size: int) -> bytes:
        asked.append(os.urandom(size))
        return asked[-1]

    digits = RandomDigits(entropy)
    taken = [digits.take(16) for _ in range(2000)]
    assert len(set(taken)) == 2000
    assert all(len(text) == 16 for text in taken)
    assert "".join(taken[: len(asked[0]) // 8]) == asked[0].hex()
    assert len(asked) == 4


def test_what_is_left_of_a_batch_and_too_short_is_not_used() -> None:
    digits = RandomDigits(lambda size: bytes(range(256)) * (size // 256))
    first = digits.take(8190)
    assert digits.take(4) == first[:4]
