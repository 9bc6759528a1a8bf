"""What proxies write of the client."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hauberk_core.http.forwarding_fields import forwarded_element, read_forwarded, read_host


@pytest.mark.parametrize(
    ("node", "host"),
    [
        ("192.0.2.1", "192.0.2.1"),
        (" 192.0.2.1:4711\t", "192.0.2.1"),
        ("2001:DB8::0:1", "2001:db8::1"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", ""),
        ("unknown", ""),
        ("_hidden", ""),
        ("192.0.2", ""),
        ("192.0.2.1, 192.0.2.2", ""),
        ("[", ""),
        ("", ""),
        ("1" * 5000, ""),
        ("192.0.2.1\0", ""),
    ],
)
def test_hosts(node: str, host: str) -> None:
    assert read_host(node) == host


def elements(value: str) -> list[tuple[str, str]] | None:
    found = read_forwarded(value)
    return None if found is None else [(element.node, element.scheme) for element in found]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("for=192.0.2.60;proto=HTTP;by=203.0.113.43", [("192.0.2.60", "http")]),
        ('For="[2001:db8::17]:4711", for=unknown', [("[2001:db8::17]:4711", ""), ("unknown", "")]),
        ('for="a\\"b,c;d" ; proto=https', [('a"b,c;d', "https")]),
        ("by=x,,for=_y", [("", ""), ("", ""), ("_y", "")]),
        ("", [("", "")]),
        ("for", None),
        ("for=a for=b", None),
        ("for=a;for=b", None),
        ('for="a', None),
        ('for="a"b', None),
        ('for="a\\', None),
        ("=a", None),
    ],
)
def test_the_forwarded_field(value: str, expected: list[tuple[str, str]] | None) -> None:
    assert elements(value) == expected


@given(st.lists(st.sampled_from(["192.0.2.1", "2001:db8::1"]), min_size=1))
def test_what_is_written_is_read_again(hosts: list[str]) -> None:
    value = ", ".join([forwarded_element(host, "https", "a.test:1") for host in hosts])
    found = read_forwarded(value)
    assert found is not None
    assert [(read_host(element.node), element.scheme) for element in found] == [(host, "https") for host in hosts]


@given(st.text(st.sampled_from('for=pt;," \\a[]:')))
def test_anything_is_read_or_refused(value: str) -> None:
    found = read_forwarded(value)
    assert found is None or len(found) <= value.count(",") + 1
