"""The settings of a cluster's proxies, read from what the chart writes."""

import pytest

from hauberk_control.proxy_settings import GatewaySettings, ProxySettings, Resources, read_settings
from hauberk_core.model.errors import ConfigErrors


def test_nothing_said_means_the_defaults() -> None:
    assert read_settings(b"", "settings.yaml") == ProxySettings()
    assert read_settings(b"# nothing\n", "settings.yaml") == ProxySettings()


def test_what_is_said_counts() -> None:
    text = b"""
image: registry.example.org/hauberk-proxy:1.2.3
workers: 2
resources: {requests: {cpu: 1, memory: 64Mi}}
gateways: {serviceType: ClusterIP, replicas: 3}
"""
    settings = read_settings(text, "settings.yaml")
    assert settings.image == "registry.example.org/hauberk-proxy:1.2.3"
    assert settings.workers == 2
    assert settings.resources.manifest() == {"requests": {"cpu": "1", "memory": "64Mi"}}
    assert settings.gateways == GatewaySettings(service_type="ClusterIP", replicas=3)


def test_resources_that_are_not_said_are_left_out() -> None:
    assert Resources().manifest() == {}
    assert Resources(limits={"memory": "1Gi"}).manifest() == {"limits": {"memory": "1Gi"}}


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        (b"imagge: x\n", (1, 1), "imagge"),
        (b"image: x\ngateways:\n  serviceType: Loadbalancer\n", (3, 16), "Loadbalancer"),
        (b"workers: many\n", (1, 10), "many"),
        (b"certificateAuthority: {address: csr.cert-manager.svc}\n", (1, 33), "csr.cert-manager.svc"),
        (b"image: a\n---\nimage: b\n", (1, 1), "several"),
        (b"- a\n", (1, 1), ""),
    ],
)
def test_mistakes_have_their_place(text: bytes, place: tuple[int, int], message: str) -> None:
    with pytest.raises(ConfigErrors) as refused:
        read_settings(text, "settings.yaml")
    first, *_ = refused.value.errors
    assert (first.line, first.column) == place
    assert message in str(first)
