"""One line is a configuration like any other."""

from pathlib import Path

import pytest

from hauberk_cli.proxy.address import parse_proxy_address
from hauberk_cli.proxy.one_line import Trust, absolute, build_snapshot
from hauberk_core.config import check_whole, load_snapshot
from hauberk_core.model.codec import encode_snapshot
from hauberk_core.model.errors import ConfigErrors
from hauberk_core.model.snapshot import AccessLog, Snapshot
from hauberk_core.model.transport import Certificate

FILES = Certificate(chain_file="a.crt", key_file="a.key")


def built(listen: list[str], upstream: list[str], certificate: Certificate | None = None, trust: Trust = Trust()) -> Snapshot:  # noqa: B008
    listening = [parse_proxy_address(text) for text in listen]
    return build_snapshot(listening, [parse_proxy_address(text) for text in upstream], certificate, trust, AccessLog())


@pytest.mark.parametrize(
    ("listen", "upstream", "certificate", "trust"),
    [
        ([":8080"], [":9000"], None, Trust()),
        ([":8080", "[::1]:8081"], ["a.test:1", "b.test:2"], None, Trust()),
        (["https://:8443", ":8080"], ["https://a.test"], FILES, Trust(file="/ca.pem")),
        ([":8080"], ["https://[::1]:443"], None, Trust(verify=False)),
    ],
)
def test_every_line_gives_a_configuration_without_a_complaint(
    listen: list[str], upstream: list[str], certificate: Certificate | None, trust: Trust
) -> None:
    snapshot = built(listen, upstream, certificate, trust)
    assert check_whole(snapshot, "one line") == []
    assert load_snapshot(encode_snapshot(snapshot), "x").snapshot == snapshot


def test_endpoints_take_turns_and_need_no_host() -> None:
    cluster = built([":8080"], [":9000", "b.test:9001"]).clusters["upstream"]
    assert [endpoint.address for endpoint in cluster.endpoints] == ["127.0.0.1:9000", "b.test:9001"]
    assert cluster.load_balancing == "round_robin"
    assert cluster.transport.security == "plain"


def test_each_side_has_its_own_security() -> None:
    snapshot = built(["https://:8443", ":8080"], ["https://a.test"], FILES, Trust(verify=False))
    assert [listener.filter_chains[0].transport.security for listener in snapshot.listeners.values()] == ["tls", "plain"]
    transport = snapshot.clusters["upstream"].transport
    assert (transport.security, transport.verify, transport.trust_file) == ("tls", False, "")


def test_any_free_port_may_be_asked_for_twice_but_no_other() -> None:
    assert len(built([":0", ":0"], [":9000"]).listeners) == 2
    assert check_whole(built([":0", ":0"], [":9000"]), "one line") == []
    with pytest.raises(ConfigErrors, match="already has the address ':8080'"):
        check_whole(built([":8080", ":8080"], [":9000"]), "one line")


def test_files_are_named_so_that_the_current_folder_does_not_matter() -> None:
    assert absolute(Path("a.crt")) == str(Path.cwd() / "a.crt")
    assert absolute(None) == ""
