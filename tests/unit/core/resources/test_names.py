"""Names as Kubernetes takes and refuses them."""

from collections.abc import Callable

import pytest

from hauberk_core.model.syntax import Fault
from hauberk_core.resources import names
from hauberk_core.resources.gateway_api.references import precise_hostname, route_hostname


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        (names.dns_label, ["a", "a-b", "0a", "a" * 63], ["", "-a", "a-", "A", "a.b", "a_b", "a" * 64, "é", "a\n"]),
        (names.dns_subdomain, ["a", "a.b-c.d", "a" * 253], ["", ".a", "a.", "a..b", "A.b", "a" * 254, "a\n"]),
        (names.api_group, ["", "example.com"], ["Example.com", "/"]),
        (names.kind_name, ["Service", "HTTPRoute", "x"], ["", "1a", "a b", "a-", "a" * 64]),
        (names.qualified_name, ["app", "example.com/app", "a.b_c-D"], ["", "/a", "a/", "a/b/c", "A.com/x", "a" * 64, "-a"]),
        (names.label_value, ["", "v1", "1.2_3-x", "X"], ["-", "a b", "a/b", "a" * 64, "a\n"]),
        (names.data_key, ["tls.crt", ".hidden", "A_b-c"], ["", "a b", "a/b", "a" * 254]),
        (
            route_hostname,
            ["a.test", "*.a.test", "localhost"],
            ["", "*", "a.*", "10.0.0.1", "A.test", "a.test:80", "::1"],
        ),
        (precise_hostname, ["a.test"], ["*.a.test", "10.0.0.1", ""]),
    ],
)
def test_each_rule(rule: Callable[[str], Fault | None], good: list[str], bad: list[str]) -> None:
    assert [text for text in good if rule(text) is not None] == []
    assert [text for text in bad if rule(text) is None] == []
    assert all(message and hint for message, hint in filter(None, map(rule, bad)))


def test_what_was_meant_is_offered() -> None:
    fault = names.dns_label("My App_2")
    assert fault is not None
    assert fault[1].endswith(": my-app-2")
