"""What a request says of where it belongs, for clusters that send what has something in common to one endpoint."""

from hauberk_core.http.cookies import cookie_value
from hauberk_core.http.events import Request
from hauberk_core.model.cluster import HashBy
from hauberk_core.observe.record import Record
from hauberk_core.route.query import decode, parameters
from hauberk_core.upstream.hashing import hash_of


def common_part(by: HashBy, request: Request, record: Record) -> str | None:
    """The part of the request that counts; None: it lacks that."""
    if by.header:
        return request.headers.get(by.header.lower())
    if by.cookie:
        return cookie_value(request.headers, by.cookie)
    if by.query:
        return parameters(request.query).get(decode(by.query))
    return record.downstream_remote.rpartition(":")[0] or None


def new_cookie(by: HashBy, record: Record) -> tuple[str, str]:
    """The value of a cookie for a client that brings none, and of the field that sets it (RFC 6265 section 4.1).

    The value is made of the request's id, which is another one for each request, so that attempts of one request agree.
    """
    value = str(hash_of(record.request_id))
    field = by.cookie + "=" + value + "; Path=" + by.cookie_path + "; HttpOnly"
    if by.cookie_lifetime is not None and by.cookie_lifetime.seconds > 0:
        field += "; Max-Age=" + str(max(1, int(by.cookie_lifetime.seconds)))
    return value, field
