"""What the configuration says to this plugin: what people write in a PluginPolicy, and what the control half makes of a route's
`sessionPersistence`."""

from typing import Annotated, Literal

import msgspec

Weight = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
Name = Annotated[str, msgspec.Meta(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$", max_length=128)]
"""A token, as header fields and cookies are called. Sources: RFC 9110 section 5.6.2, RFC 6265 section 4.1.1."""

Version = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$")]
"""The value of a label in Kubernetes."""


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The address of the client."""

    trusted_hops: Annotated[int, msgspec.Meta(ge=0, le=16)] = 0
    """Proxies in front of this one whose word in `x-forwarded-for` is believed; 0: the client is who has connected to us."""


class Sticky(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What tells one user from another; exactly one of the three."""

    header: Name | None = None
    """The value of this request header."""
    cookie: Name | None = None
    """The value of this cookie, which the application sets."""
    source: Source | None = None


class Session(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A session with one endpoint, known by a token that the proxy hands out; `sessionPersistence` of an HTTPRoute's rule."""

    name: Name
    """Of the cookie or header field that carries the token."""
    scope: str
    """What the token is good for: one of another scope is nothing here."""
    secret: Annotated[str, msgspec.Meta(min_length=16, max_length=256)]
    """What tokens are made and checked with: the same for all proxies that are to know each other's."""
    type: Literal["cookie", "header"] = "cookie"
    absolute: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    """Seconds from its beginning to its end; 0: it has no end."""
    idle: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    """Seconds without a request after which it ends; 0: it does not."""
    permanent: bool = False
    """Whether the cookie outlives the browser, for `absolute` seconds."""
    paths: Annotated[tuple[str, ...], msgspec.Meta(max_length=64)] = ("/",)
    """What a cookie's Path may be: the longest that leads to the request's path is taken."""


class CanaryConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Everything that may be said at one place."""

    sticky: Sticky | None = None
    """Who is to stay with a backend; None: the weights decide for each request anew."""
    fallback: Literal["stable", "any", "none"] = "stable"
    """Where requests go whose backend is down: to the one with the largest weight; to any other, by weight; nowhere, which
    answers 503."""
    versions: dict[Version, Weight] = {}
    """On a Service: how its requests are divided among the versions of its workloads. Acted on in control alone."""
    version_label: Annotated[str, msgspec.Meta(min_length=1, max_length=317)] = "version"
    """The label by which workloads tell their version."""
    session: Session | None = None
    """Written by the control half."""


def read_config(config: dict[str, object]) -> CanaryConfig:
    """Check a configuration. Raises: ValueError (msgspec.ValidationError too), with a sentence for a person."""
    read = msgspec.convert(config, CanaryConfig)
    sticky = read.sticky
    if sticky is not None and sum([own is not None for own in (sticky.header, sticky.cookie, sticky.source)]) != 1:
        raise ValueError("sticky wants exactly one of header, cookie and source")
    if read.versions and not any(read.versions.values()):
        raise ValueError("none of the versions has a weight above 0, so that nobody would be served")
    return read
