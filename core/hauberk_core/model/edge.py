"""How far a listener believes what clients say of themselves: it stands where strangers come in."""

from typing import Annotated, Literal

import msgspec

PathNormalization = Literal["none", "base", "merge_slashes", "decode_and_merge_slashes"]
"""Istio's modes. `base`: dots, escapes that need none, and backslashes (RFC 3986 section 6.2.2); then also: slashes side by side
become one; `%2F` and `%5C` are slashes."""

CertificateForwarding = Literal["sanitize", "forward_only", "append_forward", "sanitize_set", "always_forward_only"]
"""Envoy's modes for `X-Forwarded-Client-Cert`. `sanitize`: it is taken off. Where the client has proved a certificate, and else
likewise: `forward_only`: it goes on; `append_forward`: with that certificate; `sanitize_set`: that certificate alone.
`always_forward_only`: it goes on, whoever sends it."""


class Edge(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Whose word counts about who the client is, and what goes on of it.

    Without any of these the client is who is connected. Fields that belong to proxies (`x-envoy-*`, `hauberk-*`) are taken off
    in any spelling.
    """

    trusted_hops: Annotated[int, msgspec.Meta(ge=0, le=32)] = 0
    """So many proxies stand in front: the client is the so many-th address from the right of what they have listed."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses and ranges (`10.0.0.0/8`) of proxies in front: the client is the rightmost address listed that is none of them.
    What others list is left out. Takes the place of `trusted_hops`."""
    address_field: Literal["x-forwarded-for", "forwarded"] = "x-forwarded-for"
    """Where they list addresses."""
    forwarded: Literal["remove", "append", "replace"] = "remove"
    """What goes on as `Forwarded` (RFC 7239): nothing; what trusted proxies wrote and this hop; the client alone."""
