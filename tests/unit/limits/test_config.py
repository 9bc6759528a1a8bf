"""What limits may be."""

import pytest

from hauberk_core.plugin.control import PolicyUse
from hauberk_limits.control import hauberk_policy


def test_one_limit_is_enough() -> None:
    assert hauberk_policy({"maxBodyBytes": 0}) == PolicyUse()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "there is no limit"),
        ({"maxBodyBytes": -1}, "maxBodyBytes"),
        ({"maxBodyBytes": "1Mi"}, "maxBodyBytes"),
        ({"maxHeaderBytes": 0}, "maxHeaderBytes"),
        ({"maxHeaders": 0}, "maxHeaders"),
        ({"maxBody": 1}, "maxBody"),
    ],
)
def test_what_is_wrong_is_said(config: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        hauberk_policy(config)
