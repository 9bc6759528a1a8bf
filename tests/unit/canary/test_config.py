"""What may be said to canary, and what is refused with a reason."""

from typing import Any

import msgspec
import pytest
from keeping_services import KeepingServices

from hauberk_canary.config import CanaryConfig, Source, Sticky, read_config
from hauberk_canary.data import CanaryPicker
from hauberk_canary.plugin import hauberk_backend_picker, hauberk_request_filter
from hauberk_canary.sessions import SessionFilter, SessionPicker

SESSION = {"name": "s", "scope": "default/shop/s", "secret": "x" * 16}


def test_nothing_said_is_enough() -> None:
    assert read_config({}) == CanaryConfig(fallback="stable")


def test_everything_said() -> None:
    read = read_config(
        {"sticky": {"source": {"trustedHops": 2}}, "fallback": "any", "versions": {"v1": 9, "v2": 1}, "versionLabel": "v"}
    )
    assert read == CanaryConfig(
        sticky=Sticky(source=Source(trusted_hops=2)), fallback="any", versions={"v1": 9, "v2": 1}, version_label="v"
    )


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"stikcy": {}}, "stikcy"),
        ({"sticky": {}}, "exactly one of"),
        ({"sticky": {"header": "a", "cookie": "b"}}, "exactly one of"),
        ({"sticky": {"header": "no name"}}, "header"),
        ({"sticky": {"source": {"trustedHops": -1}}}, "trustedHops"),
        ({"fallback": "somewhere"}, "somewhere"),
        ({"versions": {"v1": -1}}, "versions"),
        ({"versions": {"v1": 0}}, "nobody would be served"),
        ({"versions": {"": 1}}, "versions"),
        ({"session": SESSION | {"secret": "short"}}, "secret"),
        ({"session": SESSION | {"name": "a;b"}}, "name"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_config(config)
    with pytest.raises(ValueError, match=message):
        hauberk_backend_picker(config, KeepingServices())


def test_no_message_has_the_secret() -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        read_config({"session": SESSION | {"secret": "secret7"}})
    assert "secret7" not in str(caught.value)


@pytest.mark.parametrize("sticky", [None, {"header": "a"}, {"cookie": "a"}, {"source": {}}])
def test_policies_make_pickers(sticky: dict[str, Any] | None) -> None:
    config: dict[str, object] = {} if sticky is None else {"sticky": sticky}
    assert isinstance(hauberk_backend_picker(config, KeepingServices()), CanaryPicker)
    assert hauberk_request_filter(config, KeepingServices()) is None


def test_sessions_make_both() -> None:
    config: dict[str, object] = {"session": SESSION}
    assert isinstance(hauberk_backend_picker(config, KeepingServices()), SessionPicker)
    assert isinstance(hauberk_request_filter(config, KeepingServices()), SessionFilter)
