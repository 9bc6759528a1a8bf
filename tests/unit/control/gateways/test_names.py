"""What a Gateway's objects are called."""

import re

from hypothesis import given
from hypothesis import strategies as st

from hauberk_control.gateways.names import deployed_name, label_value, name_prefix, selector_labels

_NAMES = st.from_regex(r"[a-z0-9](?:[a-z0-9-]{0,60}[a-z0-9])?(?:\.[a-z0-9]{1,20}){0,3}", fullmatch=True)


def test_a_usual_name_is_the_gateways_and_its_class() -> None:
    assert deployed_name("bookshop", "hauberk") == "bookshop-hauberk"


def test_a_name_that_no_service_may_have_is_shortened_and_stays_unique() -> None:
    long = "a" * 70
    assert deployed_name(long, "hauberk") != deployed_name(long + "a", "hauberk")
    assert deployed_name(long, "hauberk") != deployed_name(long, "istio")
    assert deployed_name("edge.example", "hauberk").startswith("edge-example-")
    assert deployed_name("9to5", "hauberk").startswith("gateway-9to5-")


@given(_NAMES, _NAMES)
def test_every_name_fits_a_service_and_begins_as_told(gateway: str, class_name: str) -> None:
    name = deployed_name(gateway, class_name)
    assert len(name) <= 63
    assert re.fullmatch(r"[a-z](?:[a-z0-9-]*[a-z0-9])?", name)
    assert name.startswith(f"{name_prefix(gateway)}-")


@given(_NAMES)
def test_labels_hold_every_name(name: str) -> None:
    for value in selector_labels(name, name).values():
        assert len(value) <= 63
        assert re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?", value)
    assert label_value("short") == "short"
