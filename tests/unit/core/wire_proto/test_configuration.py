"""Snapshots become named resources and back, and secrets go only where they are listened with."""

import msgspec
import pytest
from mesh_world import snapshot_to

from hauberk_core.agent.wire import CertificatePem
from hauberk_core.model import FilterChain, Listener, RouteTable, Snapshot
from hauberk_core.model.errors import ConfigErrors
from hauberk_core.model.snapshot import AccessLog
from hauberk_core.model.transport import Certificate, TransportConfig
from hauberk_core.wire_proto import configuration as configuration_module
from hauberk_core.wire_proto.configuration import (
    IN_MEMORY,
    Decoder,
    Encoder,
    Versioned,
    decode_configuration,
    encode_configuration,
    versioned,
)

PEM = CertificatePem(b"chain", b"a key")


def _secure(snapshot: Snapshot, *names: str) -> Snapshot:
    chain = FilterChain(route_table="all", transport=TransportConfig(security="tls", certificates=names))
    return msgspec.structs.replace(
        snapshot,
        listeners={"tls": Listener(address=":8443", filter_chains=(chain,))},
        certificates={name: Certificate(chain_file=f"{name}.pem", key_file=f"{name}.key") for name in (*names, "unused")},
    )


def test_a_snapshot_survives() -> None:
    snapshot = msgspec.structs.replace(snapshot_to(9000), access_log=AccessLog(format="json"))
    resources = encode_configuration(snapshot, {})

    assert set(resources) == {"listener/web", "route_table/all", "cluster/books", "access_log/"}
    assert decode_configuration(resources, snapshot.version, "test") == (snapshot, {})


def test_a_missing_access_log_stays_missing() -> None:
    snapshot, _ = decode_configuration(encode_configuration(snapshot_to(1), {}), "v", "test")

    assert snapshot.access_log is None


def test_only_certificates_that_a_listener_presents_are_sent() -> None:
    snapshot = _secure(snapshot_to(1), "shop")
    resources = encode_configuration(snapshot, {"shop": PEM, "unused": PEM, "strange": PEM})

    assert [name for name in resources if name.startswith("certificate/")] == ["certificate/shop"]
    decoded, pems = decode_configuration(resources, "v", "test")
    assert pems == {"shop": PEM}
    assert decoded.certificates == {"shop": IN_MEMORY}


def test_a_version_is_of_the_content_and_shows_nothing_of_it() -> None:
    assert versioned(b"a").version == versioned(b"a").version != versioned(b"b").version
    assert "secret" not in repr(versioned(b"secret"))


def test_every_resource_that_cannot_be_read_is_told() -> None:
    resources = {
        "cluster/a": Versioned("1", b"\xc1"),
        "listener/b": Versioned("1", msgspec.msgpack.encode({"address": 1})),
        "moon/c": Versioned("1", b""),
        "certificate/d": Versioned("1", b"\x91"),
    }
    with pytest.raises(ConfigErrors) as caught:
        decode_configuration(resources, "v", "control")

    assert [error.path for error in caught.value.errors] == list(resources)
    assert all(error.origin == "control" and error.hint for error in caught.value.errors)


def test_an_encoder_that_is_kept_gives_what_another_would() -> None:
    encoder = Encoder()
    for port in (9000, 9000, 9001, 9000):
        assert encode_configuration(snapshot_to(port), {}, encoder) == encode_configuration(snapshot_to(port), {})


def test_an_encoder_encodes_again_only_what_changed() -> None:
    encoder = Encoder()
    before = encode_configuration(snapshot_to(9000), {}, encoder)
    after = encode_configuration(snapshot_to(9001), {}, encoder)
    assert after["route_table/all"] is before["route_table/all"]
    assert after["cluster/books"] != before["cluster/books"]


def test_what_an_encoder_remembers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configuration_module, "_MOST_KEPT", 2)
    encoder = Encoder()
    for number in range(5):
        assert encoder.encode(f"route_table/{number}", RouteTable()) == encoder.encode(f"route_table/{number}", RouteTable())
    assert len(encoder._kept) <= 2


def test_a_decoder_that_is_kept_gives_what_another_would_and_the_same_objects_where_nothing_changed() -> None:
    decoder = Decoder()
    before = encode_configuration(snapshot_to(9000), {})
    now = encode_configuration(snapshot_to(9001), {})
    first, _ = decode_configuration(before, "1", "test", decoder)
    assert decoder.fresh_octets(before) == 0
    changed = [name for name in now if now[name] != before[name]]
    assert changed
    assert decoder.fresh_octets(now) == sum([len(now[name].body) for name in changed])

    second, _ = decode_configuration(now, "2", "test", decoder)
    assert second == decode_configuration(now, "2", "test")[0]
    assert {f"route_table/{name}" for name, table in second.route_tables.items() if first.route_tables[name] is not table} <= {
        *changed
    }
    assert second.listeners["web"] is first.listeners["web"]


def test_what_cannot_be_decoded_leaves_a_decoder_as_it_was() -> None:
    decoder = Decoder()
    resources = encode_configuration(snapshot_to(9000), {})
    decode_configuration(resources, "1", "test", decoder)
    with pytest.raises(ConfigErrors):
        decode_configuration({**resources, "listener/web": Versioned("1", b"\xc1")}, "2", "test", decoder)
    assert decoder.fresh_octets(resources) == 0
