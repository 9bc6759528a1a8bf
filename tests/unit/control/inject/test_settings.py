"""A mesh's settings are held to the same forms as a pod's annotations."""

import pytest

from hauberk_control.inject.settings import InjectionSettings
from hauberk_control.proxy_settings import read_settings
from hauberk_core.model.errors import ConfigErrors


def test_settings_are_read() -> None:
    text = b"inject:\n  capture: cni\n  excludeOutboundIPRanges: 169.254.169.254/32\n  excludeInboundPorts: '22,80'\n"
    assert read_settings(text, "settings.yaml").inject == InjectionSettings(
        capture="cni", exclude_outbound_ip_ranges="169.254.169.254/32", exclude_inbound_ports="22,80"
    )


def test_every_mistake_is_told_with_its_place() -> None:
    text = b"inject:\n  capture: magic\n  excludeOutboundIPRanges: all\n  includeInboundPorts: http\n"
    with pytest.raises(ConfigErrors) as refused:
        read_settings(text, "settings.yaml")
    assert [(error.line, error.path) for error in refused.value.errors] == [
        (2, "inject.capture"),
        (3, "inject.excludeOutboundIPRanges"),
        (4, "inject.includeInboundPorts"),
    ]
    assert refused.value.errors[2].message == "'http' is no port"
