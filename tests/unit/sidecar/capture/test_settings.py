"""Lists of ports and ranges, as annotations have them."""

import ipaddress

import pytest

from hauberk_sidecar.capture.settings import (
    SettingError,
    read_ports,
    read_ports_or_all,
    read_ranges,
    read_ranges_or_all,
    read_user,
)


def test_ports_are_sorted_and_told_once() -> None:
    assert read_ports("--x", " 8080, 80 ,8080") == (80, 8080)
    assert read_ports("--x", "") == ()
    assert read_ports_or_all("--x", "*") is None
    assert read_ports_or_all("--x", "") == ()


@pytest.mark.parametrize("text", ["0", "65536", "http", "80-90", "80,,90", "-1", "٣", "9" * 5000, "*", "1;flush ruleset"])
def test_what_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match=r"--inbound-ports: .* is no port"):
        read_ports("--inbound-ports", text)


def test_ranges_of_both_families_are_joined_where_they_touch() -> None:
    found = read_ranges("--x", "10.0.0.0/9,10.128.0.0/9,fd00::1,10.1.2.3")
    assert found == (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::1"))
    assert read_ranges_or_all("--x", " * ") is None
    assert read_ranges_or_all("--x", "") == ()


@pytest.mark.parametrize("text", ["10.0.0.0/33", "example.test", "10.0.0.0/8;drop", "10.0.0.0/8,", "*"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match=r"--outbound-ranges: .* is no range"):
        read_ranges("--outbound-ranges", text)


def test_a_list_has_a_bound() -> None:
    with pytest.raises(SettingError, match="at most 1024"):
        read_ports("--x", ",".join(["80"] * 1025))


@pytest.mark.parametrize("text", ["0", "root", "-1", "4294967295", "9" * 100])
def test_the_proxy_cannot_be_just_anybody(text: str) -> None:
    with pytest.raises(SettingError):
        read_user("--uid", text)
