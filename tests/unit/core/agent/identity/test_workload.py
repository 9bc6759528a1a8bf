import datetime as dt
from pathlib import Path

import msgspec
import pytest

from hauberk_control.ca.authority import Authority, Issued
from hauberk_core.agent.identity.key import make_key, write_key
from hauberk_core.agent.identity.svid import read_pem
from hauberk_core.agent.identity.workload import IdentityRefused, WorkloadIdentity, check_kept, read_answer
from hauberk_core.identity import SpiffeId

REVIEWS = SpiffeId("cluster.local", "shop", "reviews")
RATINGS = SpiffeId("cluster.local", "shop", "ratings")
KEY = make_key()
NOW = dt.datetime.now(dt.UTC)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"), "cluster.local", now=lambda: NOW)


@pytest.fixture(scope="module")
def issued(authority: Authority) -> Issued:
    return authority.sign_workload(KEY.public_key(), REVIEWS, dt.timedelta(hours=1))


def answer(issued: Issued) -> list[str]:
    return [*issued.chain, *issued.roots]


def read(issued: Issued, at: dt.datetime = NOW) -> WorkloadIdentity:
    return read_answer(answer(issued), KEY, REVIEWS, at.timestamp(), NOW.timestamp())


def test_an_answer_becomes_an_identity(issued: Issued, authority: Authority) -> None:
    identity = read(issued)

    assert identity.spiffe_id == str(REVIEWS)
    assert identity.certificate_pem.decode() == issued.chain[0]
    assert identity.trust_pem == authority.trust_pem()
    assert identity.key_pem == write_key(KEY)
    assert identity.obtained == NOW.timestamp()
    assert identity.not_after == issued.not_after.timestamp()
    check_kept(identity, REVIEWS, "cluster.local", NOW.timestamp())


def test_the_key_is_in_no_message(issued: Issued) -> None:
    identity = read(issued)

    assert write_key(KEY).decode().splitlines()[1] not in repr(identity) + str(identity)


def test_a_certificate_for_another_is_refused(issued: Issued) -> None:
    with pytest.raises(IdentityRefused, match="have a token made for the right one"):
        read_answer(answer(issued), KEY, RATINGS, NOW.timestamp(), None)


def test_a_certificate_for_another_key_is_refused(issued: Issued) -> None:
    with pytest.raises(IdentityRefused, match="does not belong"):
        read_answer(answer(issued), make_key(), REVIEWS, NOW.timestamp(), None)


def test_a_server_of_controls_own_is_no_identity(authority: Authority) -> None:
    issued = authority.sign_server(KEY.public_key(), ["control.hauberk"], dt.timedelta(hours=1))

    with pytest.raises(IdentityRefused, match="SPIFFE ID"):
        read(issued)


@pytest.mark.parametrize("given", [[], [""], ["text"], ["-----BEGIN CERTIFICATE-----\n\u00e4\n-----END CERTIFICATE-----"]])
def test_an_answer_that_is_none(given: list[str]) -> None:
    with pytest.raises(IdentityRefused):
        read_answer(given, KEY, REVIEWS, NOW.timestamp(), None)


def test_an_answer_without_roots_or_without_a_leaf(issued: Issued) -> None:
    for given in (issued.chain, issued.roots):
        with pytest.raises(IdentityRefused):
            read_answer(given, KEY, REVIEWS, NOW.timestamp(), None)


@pytest.mark.parametrize("hours", [-3, 3])
def test_clocks_that_differ_are_both_named(issued: Issued, hours: int) -> None:
    here = NOW + dt.timedelta(hours=hours)
    with pytest.raises(IdentityRefused) as caught:
        read(issued, here)

    message = str(caught.value)
    assert f"this machine's clock says {here:%Y-%m-%dT%H:%M:%SZ}" in message
    assert f"control's {NOW:%Y-%m-%dT%H:%M:%SZ}" in message
    assert "10800 s apart" in message


def test_a_control_that_does_not_tell_its_clock(issued: Issued) -> None:
    with pytest.raises(IdentityRefused, match="compare this machine's clock with control's"):
        read_answer(answer(issued), KEY, REVIEWS, NOW.timestamp() + 9999, None)


def test_what_was_kept_is_checked_before_it_is_used(issued: Issued, tmp_path: Path) -> None:
    identity = read(issued)
    changed = {
        "is for": (identity, RATINGS, "cluster.local", NOW.timestamp()),
        "ended at": (identity, REVIEWS, "cluster.local", NOW.timestamp() + 3601),
        "of another mesh": (identity, None, "elsewhere", NOW.timestamp()),
    }
    for message, arguments in changed.items():
        with pytest.raises(IdentityRefused, match=message):
            check_kept(*arguments)
    stranger = Authority(tmp_path, "cluster.local", now=lambda: NOW)
    for replaced in (
        {"key_pem": write_key(make_key())},
        {"trust_pem": stranger.trust_pem()},
        {"certificate_pem": b""},
        {"spiffe_id": str(RATINGS)},
    ):
        with pytest.raises(IdentityRefused):
            check_kept(msgspec.structs.replace(identity, **replaced), REVIEWS, "cluster.local", NOW.timestamp())


def test_roots_of_a_rotation_are_all_kept(tmp_path: Path) -> None:
    clock = [NOW]
    authority = Authority(tmp_path, "cluster.local", dt.timedelta(hours=1), lambda: clock[0])
    clock[0] += dt.timedelta(hours=5)
    authority.rotate()
    issued = authority.sign_workload(KEY.public_key(), REVIEWS, dt.timedelta(hours=1))

    identity = read_answer(answer(issued), KEY, REVIEWS, clock[0].timestamp(), None)

    assert len(read_pem(identity.trust_pem).certificates) == 2
