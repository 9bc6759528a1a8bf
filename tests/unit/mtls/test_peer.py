"""Who may be at the other end, by certificate alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mesh_authority import MeshAuthority, workload

from hauberk_core.net.x509 import first_certificate
from hauberk_mtls.peer import ExpectedPeers, IdentityRefused, own_identity

AUTHORITY = MeshAuthority()
REVIEWS = workload("reviews")
RATINGS = workload("ratings")


def _der(*uris: str, is_authority: bool = False, signs: bool = False) -> bytes:
    return first_certificate(AUTHORITY.issue(*uris, is_authority=is_authority, signs=signs).chain)


def _refusal(expected: ExpectedPeers, certificate: bytes) -> str:
    with pytest.raises(IdentityRefused) as caught:
        expected.identify(certificate)
    return str(caught.value)


def test_whoever_is_listed_is_expected_from_any_trust_domain() -> None:
    foreign = workload("reviews", trust_domain="elsewhere.test")
    expected = ExpectedPeers("cluster.local", (REVIEWS, foreign))
    assert expected.identify(_der(REVIEWS)) == REVIEWS
    assert expected.identify(_der(foreign)) == foreign
    assert _refusal(expected, _der(RATINGS)) == f"the peer is {RATINGS}, where {REVIEWS} or {foreign} is expected"


def test_with_nobody_listed_the_whole_trust_domain_is_expected() -> None:
    expected = ExpectedPeers("cluster.local", ())
    assert expected.identify(_der(RATINGS)) == RATINGS
    assert expected.identify(_der("spiffe://cluster.local/any/other/path")) == "spiffe://cluster.local/any/other/path"
    for near in ("cluster.local.test", "xcluster.local", "cluster.loca", "cluster.local-"):
        refusal = _refusal(expected, _der(workload("ratings", trust_domain=near)))
        assert refusal.endswith("where a workload of cluster.local is expected")


def test_a_refusal_names_only_a_few_of_many() -> None:
    expected = ExpectedPeers("cluster.local", tuple([workload(f"caller-{number}") for number in range(9)]))
    refusal = _refusal(expected, _der(REVIEWS))
    assert refusal.endswith(f"{workload('caller-2')} or 6 more is expected")


@pytest.mark.parametrize(
    ("certificate", "reason"),
    [
        (_der(), "it has 0 URIs for names, where exactly one SPIFFE ID belongs"),
        (_der(REVIEWS, REVIEWS), "it has 2 URIs for names, where exactly one SPIFFE ID belongs"),
        (_der("spiffe://cluster.local"), "spiffe://cluster.local names a trust domain, not a workload"),
        (_der("spiffe://Cluster.Local/ns/default/sa/reviews"), "the trust domain is"),
        (_der(REVIEWS + "/"), "is no SPIFFE ID"),
        (_der(REVIEWS + "?a=b"), "is no SPIFFE ID"),
        (_der("SPIFFE://cluster.local/ns/default/sa/reviews"), "does not begin with spiffe://"),
        (_der(REVIEWS, is_authority=True), "it is an authority's, where a workload's belongs"),
        (_der(REVIEWS, signs=True), "it is an authority's, where a workload's belongs"),
        (b"", "it ends in the middle of a value"),
        (b"0\x03\x02\x01\x05", "where 0x30 belongs"),
    ],
)
@pytest.mark.parametrize("identities", [(), (REVIEWS,)])
def test_what_is_no_workloads_certificate_is_refused(certificate: bytes, reason: str, identities: tuple[str, ...]) -> None:
    assert reason in _refusal(ExpectedPeers("cluster.local", identities), certificate)


GOOD = _der(REVIEWS)


@given(place=st.integers(min_value=0, max_value=len(GOOD) - 1), octet=st.integers(min_value=0, max_value=255))
def test_a_damaged_certificate_is_the_same_peer_or_refused(place: int, octet: int) -> None:
    damaged = bytearray(GOOD)
    damaged[place] = octet
    try:
        assert ExpectedPeers("cluster.local", (REVIEWS,)).identify(bytes(damaged)) == REVIEWS
    except IdentityRefused:
        return


def test_our_own_certificate_must_name_us() -> None:
    assert str(own_identity(AUTHORITY.issue(REVIEWS).chain)) == REVIEWS
    with pytest.raises(ValueError, match="the proxy's own certificate: it has 0 URIs"):
        own_identity(AUTHORITY.issue().chain)
    with pytest.raises(ValueError, match="the proxy's own certificate: no certificate in it"):
        own_identity(b"")
