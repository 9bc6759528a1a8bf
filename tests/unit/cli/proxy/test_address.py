"""Addresses of the command line."""

import pytest

from hauberk_cli.proxy.address import parse_proxy_address


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        (":8080", "http://:8080"),
        ("127.0.0.1:80", "http://127.0.0.1:80"),
        ("http://:1", "http://:1"),
        ("https://[::1]:8443", "https://[::1]:8443"),
        ("https://example.com", "https://example.com:443"),
        ("http://example.com/", "http://example.com:80"),
        ("https://[::1]", "https://[::1]:443"),
    ],
)
def test_reads(text: str, meaning: str) -> None:
    assert str(parse_proxy_address(text)) == meaning


@pytest.mark.parametrize(
    "text", ["", "80", "localhost", "://a:1", "HTTPS://a:1", "ws://a:1", "http://", "http://a/b", "a:b", "x" * 10_000]
)
def test_refuses_with_advice(text: str) -> None:
    with pytest.raises(ValueError, match=r"; (write|only|or)") as caught:
        parse_proxy_address(text)
    assert len(str(caught.value)) < 300
