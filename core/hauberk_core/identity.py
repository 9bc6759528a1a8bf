"""Names of workloads: SPIFFE IDs of the form that Kubernetes service accounts have in Istio.

    spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/SERVICE-ACCOUNT

Parsing is strict and there is one way to write each name, so that equal names are equal strings: what a certificate says is
compared octet by octet. Source: SPIFFE-ID section 2; RFC 1123 section 2.1 for the parts, as Kubernetes has it.
"""

import re
from dataclasses import dataclass
from typing import Final, NamedTuple

DEFAULT_TRUST_DOMAIN: Final = "cluster.local"
SCHEME: Final = "spiffe://"

# SPIFFE-ID section 2.3: implementations must take that many octets, and need not take more.
LONGEST_ID: Final = 2048
LONGEST_TRUST_DOMAIN: Final = 255

_TRUST_DOMAIN: Final = re.compile(r"[a-z0-9._-]+")
_SEGMENT: Final = re.compile(r"[A-Za-z0-9._-]+")
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_LONGEST_SERVICE_ACCOUNT: Final = 253
# An identifier in an error message: enough to recognise it.
_LONGEST_QUOTE: Final = 120


class SpiffeError(ValueError):
    """A text is no SPIFFE ID, or none of a service account; the message quotes it and says why."""


class SpiffeUri(NamedTuple):
    """Any SPIFFE ID, in its two parts."""

    trust_domain: str
    path: str
    """Empty, or from its leading slash on."""

    def __str__(self) -> str:
        return f"{SCHEME}{self.trust_domain}{self.path}"


def parse_uri(text: str) -> SpiffeUri:
    """Take any SPIFFE ID apart.

    Raises: SpiffeError. Source: SPIFFE-ID sections 2.1 to 2.3; neither percent-encoding, user, port, query nor fragment exist.
    """
    if len(text) > LONGEST_ID:
        raise SpiffeError(f"a SPIFFE ID has at most {LONGEST_ID} characters, this one {len(text)}")
    if not text.startswith(SCHEME):
        raise SpiffeError(f"{_quote(text)} is no SPIFFE ID: it does not begin with {SCHEME}")
    trust_domain, slash, path = text[len(SCHEME) :].partition("/")
    if not is_trust_domain(trust_domain):
        raise SpiffeError(
            f"{_quote(text)} is no SPIFFE ID: the trust domain is 1 to {LONGEST_TRUST_DOMAIN} characters of a-z, 0-9, dot, dash, "
            "underscore"
        )
    if slash:
        for segment in path.split("/"):
            if segment in {".", ".."} or not _SEGMENT.fullmatch(segment):
                raise SpiffeError(
                    f"{_quote(text)} is no SPIFFE ID: each part of the path has letters, digits, dot, dash, underscore, "
                    "and is neither empty nor a dot nor two"
                )
    return SpiffeUri(trust_domain, slash + path)


def is_trust_domain(text: str) -> bool:
    """Whether `text` may stand as a trust domain."""
    return len(text) <= LONGEST_TRUST_DOMAIN and _TRUST_DOMAIN.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class SpiffeId:
    """The identity of the workloads of one service account.

    Raises: SpiffeError, when made of parts that Kubernetes would not have as names.
    """

    trust_domain: str
    namespace: str
    service_account: str

    def __post_init__(self) -> None:
        if not is_trust_domain(self.trust_domain):
            raise SpiffeError(f"{_quote(self.trust_domain)} is no trust domain: use a name such as {DEFAULT_TRUST_DOMAIN}")
        if not _LABEL.fullmatch(self.namespace):
            raise SpiffeError(f"{_quote(self.namespace)} is no namespace: use up to 63 of a-z, 0-9 and dash")
        account = self.service_account
        if len(account) > _LONGEST_SERVICE_ACCOUNT or not all(_LABEL.fullmatch(label) for label in account.split(".")):
            raise SpiffeError(f"{_quote(account)} is no service account: use up to 253 of a-z, 0-9, dash and dot")

    def __str__(self) -> str:
        return f"{SCHEME}{self.trust_domain}/ns/{self.namespace}/sa/{self.service_account}"

    @classmethod
    def parse(cls, text: str) -> "SpiffeId":
        """The identity that `text` names.

        Raises: SpiffeError if it is no SPIFFE ID, or names something else than a service account.
        """
        uri = parse_uri(text)
        parts = uri.path.split("/")
        if len(parts) != 5 or parts[1] != "ns" or parts[3] != "sa":
            raise SpiffeError(
                f"{_quote(text)} names no service account: that is {SCHEME}TRUST-DOMAIN/ns/NAMESPACE/sa/SERVICE-ACCOUNT"
            )
        return cls(uri.trust_domain, parts[2], parts[4])


def parse(text: str) -> SpiffeId:
    """The identity that `text` names; see `SpiffeId.parse`."""
    return SpiffeId.parse(text)


def _quote(text: str) -> str:
    return repr(text if len(text) <= _LONGEST_QUOTE else text[: _LONGEST_QUOTE - 3] + "...")
