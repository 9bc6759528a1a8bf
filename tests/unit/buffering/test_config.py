"""What may be kept."""

import pytest

from hauberk_buffering.config import LARGEST
from hauberk_buffering.control import hauberk_policy
from hauberk_core.plugin.control import PolicyUse
from hauberk_core.plugin.wish import LARGEST_WHOLE


def test_one_direction_is_enough() -> None:
    assert hauberk_policy({"response": {"maxBytes": LARGEST}}) == PolicyUse()


def test_the_bound_is_the_proxy_s() -> None:
    assert LARGEST == LARGEST_WHOLE


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "nothing to keep"),
        ({"request": {}}, "maxBytes"),
        ({"request": {"maxBytes": 0}}, "maxBytes"),
        ({"request": {"maxBytes": LARGEST + 1}}, "maxBytes"),
        ({"requests": {"maxBytes": 1}}, "requests"),
    ],
)
def test_what_is_wrong_is_said(config: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        hauberk_policy(config)
