"""Addresses as people write them."""

import pytest

from hauberk_core.model.address import Address, is_host_name, parse_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:80", Address("127.0.0.1", 80)),
        (":8080", Address("", 8080)),
        ("[::1]:443", Address("::1", 443)),
        ("localhost:0", Address("localhost", 0)),
        ("reviews.shop_1.svc.cluster.local.:65535", Address("reviews.shop_1.svc.cluster.local.", 65535)),
    ],
)
def test_reads_and_writes(text: str, address: Address) -> None:
    assert parse_address(text) == address
    assert str(address) == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "has no port; write host:port"),
        ("8080", "write ':8080' for this port"),
        ("localhost", "has no port"),
        ("localhost:", "'' is no port"),
        ("localhost:http", "'http' is no port; write a whole number from 0 to 65535"),
        ("localhost:65536", "'65536' is no port"),
        ("localhost:-1", "'-1' is no port"),
        ("localhost:٣", "is no port"),
        ("localhost:" + "9" * 9999, "is no port"),
        ("::1:80", "write an IPv6 address in brackets"),
        ("[::1]", r"no port after ']'"),
        ("[::1", "write host:port|no port after"),
        ("[::zz]:80", "is no IPv6 address"),
        ("[127.0.0.1]:80", "is no IPv6 address"),
        ("256.1.1.1:80", "is no host name or IP address"),
        ("a b:80", "is no host name"),
        ("-a.test:80", "is no host name"),
        ("a..b:80", "is no host name"),
        ("http://a:80", "several colons"),
        ("bücher.test:80", "is no host name"),
    ],
)
def test_refuses_with_advice(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        parse_address(text)
    assert "; " in str(caught.value)
    assert len(str(caught.value)) < 300


def test_names_have_bounds() -> None:
    assert is_host_name(".".join(["a" * 63] * 3))
    assert not is_host_name("a" * 64)
    assert not is_host_name(".".join(["a" * 63] * 4))
