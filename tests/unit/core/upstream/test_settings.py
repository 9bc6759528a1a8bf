"""What a cluster's configuration means in the form of the hot path."""

import pytest

from hauberk_core.model import Cluster
from hauberk_core.model.cluster import TcpKeepalive
from hauberk_core.model.duration import Duration
from hauberk_core.model.transport import TransportConfig
from hauberk_core.upstream.settings import AS_CLIENT, BY_ALPN, HTTP1, HTTP2, ClusterSettings, settings_of


def test_defaults_are_those_of_the_model() -> None:
    made, bare = settings_of(Cluster()), ClusterSettings()
    names = [name for name in dir(bare) if not name.startswith("_")]
    assert {name: getattr(made, name) for name in names} == {name: getattr(bare, name) for name in names}


@pytest.mark.parametrize(
    ("protocol", "security", "expected"),
    [
        ("http1", "tls", HTTP1),
        ("http2", "plain", HTTP2),
        ("alpn", "tls", BY_ALPN),
        # Without TLS there is nothing to choose in.
        ("alpn", "plain", HTTP1),
        ("client", "plain", AS_CLIENT),
    ],
)
def test_protocol(protocol: str, security: str, expected: int) -> None:
    config = Cluster(protocol=protocol, transport=TransportConfig(security=security))  # type: ignore[arg-type]
    assert settings_of(config).protocol == expected


@pytest.mark.parametrize(("version", "expected"), [("", 0), ("v1", 1), ("v2", 2)])
def test_announcing(version: str, expected: int) -> None:
    assert settings_of(Cluster(proxy_protocol=version)).announces == expected  # type: ignore[arg-type]


def test_kernel_probes_are_in_whole_seconds() -> None:
    probes = TcpKeepalive(probes=3, time=Duration(0.5), interval=Duration(7.0))
    assert settings_of(Cluster(tcp_keepalive=probes)).keep_alive == (3, 1, 7)
