import pytest

from hauberk_core.route.host import host_of, normal_host, normal_pattern


@pytest.mark.parametrize(
    ("authority", "host", "normal"),
    [
        ("shop.test", "shop.test", "shop.test"),
        ("Shop.TEST:8080", "Shop.TEST", "shop.test"),
        ("shop.test.", "shop.test.", "shop.test"),
        ("shop.test.:443", "shop.test.", "shop.test"),
        ("shop.test:", "shop.test", "shop.test"),
        ("127.0.0.1:80", "127.0.0.1", "127.0.0.1"),
        ("[::1]", "[::1]", "[::1]"),
        ("[2001:DB8::1]:8080", "[2001:DB8::1]", "[2001:db8::1]"),
        ("[::1", "[::1", "[::1"),
        ("", "", ""),
        (".", ".", ""),
    ],
)
def test_host_of_an_authority(authority: str, host: str, normal: str) -> None:
    assert host_of(authority) == host
    assert normal_host(authority) == normal


@pytest.mark.parametrize(
    ("pattern", "key"),
    [
        ("*", "*"),
        ("Shop.Test", "shop.test"),
        ("shop.test.", "shop.test"),
        ("*.Shop.Test", "*.shop.test"),
        ("::1", "[::1]"),
        ("[2001:DB8::1]", "[2001:db8::1]"),
    ],
)
def test_key_of_a_configured_host(pattern: str, key: str) -> None:
    assert normal_pattern(pattern) == key
