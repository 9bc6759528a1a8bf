import datetime as dt
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from hauberk_control.ca.authority import LONGEST_VALIDITY, Authority, Issued
from hauberk_control.ca.errors import AuthorityError
from hauberk_control.ca.roots import MOST_ROOTS, ROOT_LIFETIME
from hauberk_core.agent.identity.key import make_key
from hauberk_core.agent.identity.svid import check_chain, check_svid, read_pem
from hauberk_core.identity import SpiffeId

REVIEWS = SpiffeId("cluster.local", "shop", "reviews")
KEY = make_key().public_key()
HOUR = dt.timedelta(hours=1)
MINUTE = dt.timedelta(minutes=1)


class Clock:
    def __init__(self) -> None:
        self.time = dt.datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=dt.UTC)

    def __call__(self) -> dt.datetime:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def authority(tmp_path: Path, clock: Clock) -> Authority:
    return Authority(tmp_path / "ca", "cluster.local", HOUR, clock)


def leaf(issued: Issued) -> x509.Certificate:
    return read_pem(issued.chain[0].encode()).certificates[0]


def openssl_verifies(folder: Path, issued: Issued, trust: bytes, clock: Clock, purpose: str) -> bool:
    """What a third party says of a chain."""
    files = {"leaf.pem": issued.chain[0].encode(), "above.pem": "".join(issued.chain[1:]).encode(), "trust.pem": trust}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    command = ["openssl", "verify", "-x509_strict", "-purpose", purpose, "-attime", str(int(clock.time.timestamp()))]
    command += ["-CAfile", "trust.pem", *(["-untrusted", "above.pem"] if issued.chain[1:] else []), "leaf.pem"]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=60).returncode == 0


@pytest.mark.parametrize("purpose", ["sslclient", "sslserver"])
def test_openssl_follows_the_chain(authority: Authority, clock: Clock, tmp_path: Path, purpose: str) -> None:
    issued = authority.sign_workload(KEY, REVIEWS, HOUR)
    stranger = Authority(tmp_path / "other", "cluster.local", HOUR, clock)

    assert openssl_verifies(tmp_path, issued, authority.trust_pem(), clock, purpose)
    assert not openssl_verifies(tmp_path, issued, stranger.trust_pem(), clock, purpose)
    clock.time += 2 * HOUR
    assert not openssl_verifies(tmp_path, issued, authority.trust_pem(), clock, purpose)


def test_a_workload_has_its_identity_for_its_only_name(authority: Authority, clock: Clock) -> None:
    issued = authority.sign_workload(KEY, REVIEWS, HOUR)
    certificate = leaf(issued)

    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.critical
    assert list(names.value) == [x509.UniformResourceIdentifier(str(REVIEWS))]
    assert certificate.subject == x509.Name([])
    assert check_svid([certificate]) == str(REVIEWS)
    assert certificate.public_key() == KEY
    assert certificate.serial_number == issued.serial
    check_chain([certificate], read_pem("".join(issued.roots).encode()).certificates, clock.time)


def test_a_server_of_control_is_nobody_in_the_mesh_and_no_client(authority: Authority, clock: Clock, tmp_path: Path) -> None:
    issued = authority.sign_server(KEY, ["control.hauberk", "127.0.0.1"], HOUR)

    names = leaf(issued).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == []
    assert names.get_values_for_type(x509.DNSName) == ["control.hauberk"]
    usages = leaf(issued).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usages) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert openssl_verifies(tmp_path, issued, authority.trust_pem(), clock, "sslserver")
    assert not openssl_verifies(tmp_path, issued, authority.trust_pem(), clock, "sslclient")


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        (dt.timedelta(seconds=2), dt.timedelta(seconds=2)),
        (dt.timedelta(seconds=-5), dt.timedelta(seconds=1)),
        (dt.timedelta(minutes=30), dt.timedelta(minutes=30)),
        (dt.timedelta(days=365), HOUR),
    ],
)
def test_validity_is_what_was_asked_for_within_bounds(
    authority: Authority, clock: Clock, asked: dt.timedelta, given: dt.timedelta
) -> None:
    issued = authority.sign_workload(KEY, REVIEWS, asked)
    certificate = leaf(issued)

    assert certificate.not_valid_after_utc == issued.not_after
    assert given <= issued.not_after - clock.time < given + dt.timedelta(seconds=1)
    # Somebody's clock is behind; but no certificate is older than who signed it.
    root = read_pem(issued.roots[-1].encode()).certificates[0]
    assert certificate.not_valid_before_utc == max((clock.time - MINUTE).replace(microsecond=0), root.not_valid_before_utc)


def test_serials_differ(authority: Authority) -> None:
    serials = {authority.sign_workload(KEY, REVIEWS, HOUR).serial for _ in range(50)}

    assert len(serials) == 50
    assert max(serials).bit_length() > 100


def test_it_signs_for_its_own_trust_domain_only(authority: Authority) -> None:
    with pytest.raises(ValueError, match="not of the trust domain"):
        authority.sign_workload(KEY, SpiffeId("elsewhere", "shop", "reviews"), HOUR)


def test_it_goes_on_after_a_restart(authority: Authority, clock: Clock, tmp_path: Path) -> None:
    issued = authority.sign_workload(KEY, REVIEWS, HOUR)
    again = Authority(authority.folder, "cluster.local", HOUR, clock)

    assert again.trust_pem() == authority.trust_pem()
    assert openssl_verifies(tmp_path, issued, again.trust_pem(), clock, "sslserver")
    assert len(list(authority.folder.iterdir())) == 1


def test_a_rotation_leaves_no_moment_in_which_two_peers_refuse_each_other(
    authority: Authority, clock: Clock, tmp_path: Path
) -> None:
    """Everybody renews once in the life of a certificate: whatever anybody holds then, everybody else trusts."""
    held: list[tuple[dt.datetime, Issued, bytes]] = []
    clock.time += 10 * HOUR
    signers = set()
    checked: set[tuple[int, bytes]] = set()
    for step in range(60):
        if step == 15:
            authority.rotate()
        if step == 40:
            # It starts again in the middle.
            authority = Authority(authority.folder, "cluster.local", HOUR, clock)
        issued = authority.sign_workload(KEY, REVIEWS, HOUR)
        signers.add(leaf(issued).issuer)
        held.append((clock.time, issued, "".join(issued.roots).encode()))
        # Those who renewed up to one life ago.
        held = [each for each in held if each[0] >= clock.time - HOUR]
        for _, other, _ in held:
            for _, _, trust in held:
                if other.not_after > clock.time and (other.serial, trust) not in checked:
                    checked.add((other.serial, trust))
                    check_chain([leaf(other)], read_pem(trust).certificates, clock.time)
        clock.time += 5 * MINUTE
    assert len(signers) == 2
    assert len(read_pem(authority.trust_pem()).certificates) == 1
    assert openssl_verifies(tmp_path, held[-1][1], authority.trust_pem(), clock, "sslserver")


def test_the_root_above_the_chain_comes_last(authority: Authority, clock: Clock) -> None:
    clock.time += 10 * HOUR
    authority.rotate()
    for _ in range(3):
        issued = authority.sign_workload(KEY, REVIEWS, HOUR)
        assert read_pem(issued.roots[-1].encode()).certificates[0].subject == leaf(issued).issuer
        clock.time += 62 * MINUTE


def test_a_retired_root_is_forgotten_with_its_key(authority: Authority, clock: Clock) -> None:
    for _ in range(4):
        clock.time += 10 * HOUR
        authority.rotate()

    assert len(list(authority.folder.iterdir())) == 2


def test_rotations_that_come_too_fast_are_refused(authority: Authority, clock: Clock) -> None:
    for _ in range(MOST_ROOTS - 1):
        clock.time += MINUTE
        authority.rotate()

    with pytest.raises(AuthorityError, match="wait until"):
        authority.rotate()
    Authority(authority.folder, "cluster.local", HOUR, clock)


def test_a_root_that_nears_its_end_gets_a_successor(authority: Authority, clock: Clock) -> None:
    before = authority.trust_pem()
    clock.time += ROOT_LIFETIME - dt.timedelta(days=300)
    authority.reload()

    assert before in authority.trust_pem()
    assert len(read_pem(authority.trust_pem()).certificates) == 2


def test_no_certificate_outlives_its_root(authority: Authority, clock: Clock) -> None:
    root = read_pem(authority.trust_pem()).certificates[0]
    clock.time = root.not_valid_after_utc - 10 * MINUTE
    assert authority.sign_workload(KEY, REVIEWS, HOUR).not_after == root.not_valid_after_utc

    clock.time = root.not_valid_after_utc
    with pytest.raises(AuthorityError, match=r"ended at .* this machine's clock says"):
        authority.sign_workload(KEY, REVIEWS, HOUR)


def test_a_clock_that_is_far_behind_is_told(authority: Authority, clock: Clock) -> None:
    clock.time -= dt.timedelta(days=400)

    with pytest.raises(AuthorityError, match="set the clock"):
        Authority(authority.folder, "cluster.local", HOUR, clock)


@pytest.mark.parametrize(
    ("trust_domain", "longest"),
    [("", HOUR), ("Cluster", HOUR), ("a/b", HOUR), ("td", dt.timedelta(0)), ("td", LONGEST_VALIDITY + dt.timedelta(seconds=1))],
)
def test_settings_that_make_no_sense(tmp_path: Path, trust_domain: str, longest: dt.timedelta) -> None:
    with pytest.raises(AuthorityError):
        Authority(tmp_path, trust_domain, longest)
