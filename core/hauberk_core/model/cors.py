"""Which pages of other origins may read a route's answers: the CORS protocol of the Fetch standard, answered by the proxy."""

from typing import Annotated

import msgspec


class Cors(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What browsers are told; preflight requests (OPTIONS with `access-control-request-method`) are answered by the proxy."""

    allow_origins: tuple[str, ...] = ()
    """Origins as `https://shop.test`, where `*` in place of the host's beginning stands for any number of labels; or `*`: all."""
    allow_credentials: bool = False
    """Whether cookies and their like may come along. A `*` is then never sent, but what the request asked for."""
    allow_methods: tuple[str, ...] = ()
    """Methods beyond GET, HEAD and POST, which are always allowed; or `*`."""
    allow_headers: tuple[str, ...] = ()
    """Fields that a page may send; or `*`."""
    expose_headers: tuple[str, ...] = ()
    """Fields of the answer that a page may read; or `*`."""
    max_age: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)] = 5
    """Seconds that a browser may remember the answer to a preflight request."""
