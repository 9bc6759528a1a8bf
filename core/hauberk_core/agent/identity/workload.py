"""A workload's identity: certificate, key and trust, which belong together and are replaced together."""

import datetime as dt
from collections.abc import Sequence

import msgspec

from hauberk_core.agent.identity.key import write_key
from hauberk_core.agent.identity.svid import (
    PrivateKey,
    SvidError,
    check_chain,
    check_key,
    check_svid,
    is_root,
    read_key,
    read_pem,
    stamp,
    write_pem,
)
from hauberk_core.identity import SpiffeError, SpiffeId


class IdentityRefused(Exception):
    """What the authority or a file gave is no identity for this workload; the message says why and what to do."""


class WorkloadIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """Who a workload is, and what proves it. It stays the same until it is replaced as a whole."""

    certificate_pem: bytes
    """The workload's own certificate, then the intermediates, without a root."""
    key_pem: bytes
    trust_pem: bytes
    """The roots by which peers are verified; during a rotation the old and the new one."""
    spiffe_id: str
    obtained: float
    """When it was signed, by this machine's clock, in seconds since 1970."""
    not_after: float
    """When it ends, in the same."""

    def __repr__(self) -> str:
        end = stamp(dt.datetime.fromtimestamp(self.not_after, dt.UTC))
        return f"WorkloadIdentity({self.spiffe_id} until {end}, key withheld)"


def read_answer(
    answer: Sequence[str], key: PrivateKey, expected: SpiffeId | None, obtained: float, control_clock: float | None
) -> WorkloadIdentity:
    """Make an identity of the authority's answer, after checking every part of it.

    Args: answer - PEM, one certificate each: the workload's own, intermediates, roots; expected - whose it must be, None where
    only the authority knows; obtained - this machine's clock, seconds since 1970; control_clock - control's at that moment, if
    known.
    Raises: IdentityRefused.
    """
    try:
        certificates = read_pem("\n".join(answer).encode("ascii", "replace")).certificates
        # As in Istio's answers, the roots come in the same list.
        chain = [certificate for certificate in certificates if not is_root(certificate)]
        roots = list(dict.fromkeys([certificate for certificate in certificates if is_root(certificate)]))
        uri = check_svid(chain)
        check_key(chain[0], key)
    except SvidError as error:
        raise IdentityRefused(f"the authority's answer is refused: {error}; ask whoever runs control") from error
    _check_name(uri, expected)
    now = dt.datetime.fromtimestamp(obtained, dt.UTC)
    try:
        check_chain(chain, roots, now)
    except SvidError as error:
        raise IdentityRefused(f"the new certificate is refused: {error}{_compare_clocks(obtained, control_clock)}") from error
    return WorkloadIdentity(
        certificate_pem=write_pem(chain),
        key_pem=write_key(key),
        trust_pem=write_pem(roots),
        spiffe_id=uri,
        obtained=obtained,
        not_after=chain[0].not_valid_after_utc.timestamp(),
    )


def check_kept(identity: WorkloadIdentity, expected: SpiffeId | None, trust_domain: str, now: float) -> None:
    """Check what was read from disk before it is used: it may be another workload's, too old, or damaged.

    Raises: IdentityRefused.
    """
    try:
        chain = read_pem(identity.certificate_pem).certificates
        roots = read_pem(identity.trust_pem).certificates
        uri = check_svid(chain)
        check_key(chain[0], read_key(identity.key_pem))
        check_chain(chain, roots, dt.datetime.fromtimestamp(now, dt.UTC))
    except SvidError as error:
        raise IdentityRefused(f"the kept identity is not used: {error}") from error
    _check_name(uri, expected)
    if uri != identity.spiffe_id or SpiffeId.parse(uri).trust_domain != trust_domain:
        raise IdentityRefused(f"the kept identity is not used: it is of another mesh, {uri}")


def _check_name(uri: str, expected: SpiffeId | None) -> None:
    try:
        named = SpiffeId.parse(uri)
    except SpiffeError as error:
        raise IdentityRefused(f"the certificate is refused: {error}") from error
    if expected is not None and named != expected:
        raise IdentityRefused(
            f"the certificate is for {uri}, and this workload is {expected}; have a token made for the right one"
        )


def _compare_clocks(own: float, control: float | None) -> str:
    """What to say of the clocks when a certificate's time does not fit."""
    if control is None:
        return "; compare this machine's clock with control's"
    here, there = (stamp(dt.datetime.fromtimestamp(clock, dt.UTC)) for clock in (own, control))
    return f"; this machine's clock says {here} and control's {there}, {abs(own - control):.0f} s apart: set the wrong one right"
