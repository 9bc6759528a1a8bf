"""What proxies of a mesh say to each other when a request did not reach its workload: that nothing of it was sent on.

A proxy that could not connect to its own workload answers 503 with the field `hauberk-sent: nothing`, to those callers alone that
proved an identity of the mesh. Such a caller may try another endpoint, whatever the method, because nobody has seen the request.

The word of anyone else means nothing: a workload that writes the field itself, or an endpoint outside of the mesh, could have a
request made twice. So each proxy takes the field out of every 503 that it passes on, and believes it of a proxy of the mesh only.
"""

from typing import Final

from hauberk_core.http.headers import Headers

NOTHING_SENT_NAME: Final = "hauberk-sent"
NOTHING_SENT: Final = "nothing"


def nothing_was_sent(headers: Headers, identity: str) -> bool:
    """Whether a 503 says so, and may be believed; the field is gone from it then.

    Args: identity - what the endpoint's certificate proved; empty: nothing.
    """
    if NOTHING_SENT_NAME not in headers.names:
        return False
    said = headers.get(NOTHING_SENT_NAME) == NOTHING_SENT
    headers.remove(NOTHING_SENT_NAME)
    return said and bool(identity)
