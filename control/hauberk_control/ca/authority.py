"""The certificate authority: signs workloads' certificates, and says whom to trust.

It is used from several threads: gRPC's handshakes, the CA's service, and trio. What it knows is one immutable value, replaced in
one assignment; only replacing it takes the lock.
"""

import datetime as dt
import ipaddress
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from hauberk_control.ca.cacerts import GivenAuthority, has_cacerts, load_cacerts
from hauberk_control.ca.errors import AuthorityError
from hauberk_control.ca.roots import MOST_ROOTS, RENEW_BEFORE, Root, check_begun, forget_root, load_roots, make_root, stage_of
from hauberk_core.agent.identity.svid import CLOCK_LEEWAY, PrivateKey, PublicKey, stamp, write_pem
from hauberk_core.identity import SpiffeId, is_trust_domain

# Istio's default, and the most that anybody gets: whoever steals a key has it no longer than that.
LONGEST_VALIDITY: Final = dt.timedelta(hours=24)
# Shorter ones would end before they are in use.
SHORTEST_VALIDITY: Final = dt.timedelta(seconds=1)


class Issued(NamedTuple):
    """A certificate that was signed."""

    chain: tuple[str, ...]
    """PEM, one certificate each: the workload's own first, then the intermediates."""
    roots: tuple[str, ...]
    """PEM, one certificate each: whom to trust; the one above this chain last."""
    serial: int
    not_after: dt.datetime


class _Issuer(NamedTuple):
    certificate: x509.Certificate
    key: PrivateKey
    chain: tuple[x509.Certificate, ...]
    roots: tuple[x509.Certificate, ...]


def system_time() -> dt.datetime:
    """This machine's clock."""
    return dt.datetime.now(dt.UTC)


class Authority:
    """Signs for one trust domain."""

    def __init__(
        self,
        folder: Path,
        trust_domain: str,
        longest_validity: dt.timedelta = LONGEST_VALIDITY,
        now: Callable[[], dt.datetime] = system_time,
        *,
        leeway: dt.timedelta = CLOCK_LEEWAY,
        others: Sequence[x509.Certificate] = (),
    ) -> None:
        """Open the authority in `folder`, or make one there. Blocks.

        Args: folder - holds either Istio's four files, then those are used, or roots of our own;
        longest_validity - what a certificate gets at most, at most 24 h; leeway - how far apart clocks in the mesh may be. Roots
        overlap for both together when they rotate; others - roots of somebody else who signs for this mesh: trusted too.
        Raises: AuthorityError.
        """
        if not is_trust_domain(trust_domain):
            raise AuthorityError(f"{trust_domain!r} is no trust domain: use a name such as cluster.local")
        if not SHORTEST_VALIDITY <= longest_validity <= LONGEST_VALIDITY:
            raise AuthorityError(f"certificates live between {SHORTEST_VALIDITY} and {LONGEST_VALIDITY}, not {longest_validity}")
        self.folder: Final = folder
        self.trust_domain: Final = trust_domain
        self.longest_validity: Final = longest_validity
        self.now: Final = now
        # A certificate is in use for its life, and somebody's clock may be behind.
        self.overlap: Final = longest_validity + leeway
        """From a root's announcement until it signs, and from then until its predecessor is trusted no more."""
        self._others: Final = tuple(others)
        self._changing: Final = threading.Lock()
        self._given: GivenAuthority | None = None
        self._roots: tuple[Root, ...] = ()
        self.reload()

    def reload(self) -> None:
        """Read the folder again. Blocks. Raises: AuthorityError; what was in use before then stays in use."""
        with self._changing:
            now = self.now()
            if has_cacerts(self.folder):
                self._given = load_cacerts(self.folder, now)
                return
            roots = load_roots(self.folder)
            if not roots:
                # The first of all: nobody trusts another, so that it signs at once.
                roots = (make_root(self.folder, self.trust_domain, now),)
            newest = roots[-1].certificate
            if newest.not_valid_after_utc - now < RENEW_BEFORE:
                roots = (*roots, make_root(self.folder, self.trust_domain, now))
            check_begun(stage_of(roots, now, self.overlap).signing.certificate, now, self.folder)
            self._given, self._roots = None, roots

    def rotate(self) -> Root:
        """Announce a new root; it signs one overlap later, and the old one is dropped after another. Blocks.

        Retired ones are forgotten, with their keys. Raises: AuthorityError, if the authority was given to us: then its owner
        rotates it; or if rotations come faster than certificates end.
        """
        with self._changing:
            if self._given is not None:
                raise AuthorityError(f"the authority in {self.folder} was given; replace its files to rotate it")
            now = self.now()
            stage = stage_of(self._roots, now, self.overlap)
            kept = tuple([root for root in self._roots if root not in stage.retired])
            if len(kept) >= MOST_ROOTS:
                raise AuthorityError(f"{len(kept)} roots overlap already; wait until certificates of the oldest have ended")
            fresh = make_root(self.folder, self.trust_domain, now)
            self._roots = (*kept, fresh)
            for root in stage.retired:
                forget_root(root)
            return fresh

    def trust_pem(self) -> bytes:
        """The roots that everybody in the mesh is to trust now, as PEM."""
        return write_pem(self._issuer(self.now()).roots)

    def sign_workload(self, public_key: PublicKey, identity: SpiffeId, validity: dt.timedelta) -> Issued:
        """A certificate for `identity` and for nobody else, whatever its owner asked for.

        Args: validity - from now on; brought between one second and the longest that is allowed, and to the issuer's own end.
        Raises: AuthorityError if the issuer has ended; ValueError if `identity` is of another trust domain.
        """
        if identity.trust_domain != self.trust_domain:
            raise ValueError(f"{identity} is not of the trust domain {self.trust_domain}")
        name = x509.UniformResourceIdentifier(str(identity))
        # A certificate without a subject has its names in a critical extension (RFC 5280 section 4.2.1.6).
        names = (x509.SubjectAlternativeName([name]), True)
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        return self._sign(public_key, names, usages, validity)

    def sign_server(self, public_key: PublicKey, names: Sequence[str], validity: dt.timedelta) -> Issued:
        """A certificate for a server of control's own, with DNS names and IP addresses. It is nobody's identity in the mesh."""
        general = x509.SubjectAlternativeName([_general_name(name) for name in names])
        return self._sign(public_key, (general, True), [ExtendedKeyUsageOID.SERVER_AUTH], validity)

    def _sign(
        self,
        public_key: PublicKey,
        names: tuple[x509.SubjectAlternativeName, bool],
        usages: Sequence[x509.ObjectIdentifier],
        validity: dt.timedelta,
    ) -> Issued:
        now = self.now()
        issuer = self._issuer(now)
        above = issuer.certificate
        if now >= above.not_valid_after_utc:
            raise AuthorityError(
                f"the authority ended at {stamp(above.not_valid_after_utc)}, and this machine's clock says {stamp(now)}; "
                "replace it"
            )
        validity = min(max(validity, SHORTEST_VALIDITY), self.longest_validity)
        # Certificates count whole seconds; rounding down could leave one of a second with nothing.
        end = (now + validity + dt.timedelta(microseconds=999_999)).replace(microsecond=0)
        end = min(end, above.not_valid_after_utc)
        begin = max((now - CLOCK_LEEWAY).replace(microsecond=0), above.not_valid_before_utc)
        serial = x509.random_serial_number()
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(above.subject)
            .public_key(public_key)
            .serial_number(serial)
            .not_valid_before(begin)
            .not_valid_after(end)
            .add_extension(names[0], critical=names[1])
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_WORKLOAD_USAGE, critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(_key_identifier(above), critical=False)
            .sign(issuer.key, hashes.SHA256())
        )
        chain = tuple([_pem(each) for each in (certificate, *issuer.chain)])
        return Issued(chain, tuple([_pem(root) for root in issuer.roots]), serial, end)

    def _issuer(self, now: dt.datetime) -> _Issuer:
        given = self._given
        if given is not None:
            return _Issuer(given.certificate, given.key, given.chain, (*self._others, *given.roots))
        stage = stage_of(self._roots, now, self.overlap)
        signing = stage.signing
        roots = (*self._others, *[root.certificate for root in stage.trusted])
        return _Issuer(signing.certificate, signing.key, (), roots)


_WORKLOAD_USAGE: Final = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    # TLS 1.3 encrypts nothing with it; an RSA key's owner may still meet TLS 1.2.
    key_encipherment=True,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)


def _key_identifier(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    """Names the issuer's key as the issuer's certificate does (RFC 5280 section 4.2.1.1)."""
    try:
        own = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        key = issuer.public_key()
        assert isinstance(key, PublicKey)
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(key)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")
