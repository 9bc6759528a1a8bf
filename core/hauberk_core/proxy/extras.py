"""What few routes and clusters ask for, of one exchange: copies for mirrors, other attempts, what pages of other origins may
read, and a cookie by which the client's next requests meet the same endpoint.

An exchange of any other route has no such object, and pays a look at an attribute where it would be asked.
"""

from typing import Final

from hauberk_core.http.headers import Headers
from hauberk_core.model.cors import Cors
from hauberk_core.proxy.mirror import MirroredRequest
from hauberk_core.proxy.retrying import Retrying
from hauberk_core.route.cors import allow_reading


class ExchangeExtras:
    """Made where such a route was decided for."""

    __slots__ = ("_cors", "_mirrors", "_origin", "cookie", "retrying")

    def __init__(self, cors: Cors | None, origin: str | None, mirrors: list[MirroredRequest], retrying: Retrying | None) -> None:
        """Args: origin - what the browser said, None: nothing. mirrors - begun already."""
        self.retrying: Final = retrying
        self.cookie: str = ""
        """The value of a Set-Cookie field for the client; empty: none."""
        self._cors: Final = cors
        self._origin: Final = origin
        self._mirrors: Final = mirrors

    def request_data(self, data: bytes) -> None:
        """Octets of the request's body are on their way."""
        for mirror in self._mirrors:
            mirror.add(data)

    def request_end(self, trailers: Headers | None) -> None:
        """The request is complete."""
        for mirror in self._mirrors:
            mirror.end(trailers)

    def response(self, headers: Headers) -> None:
        """The head of the answer is about to be passed on."""
        if self._cors is not None:
            allow_reading(self._cors, self._origin, headers)
        if self.cookie:
            headers.add("set-cookie", self.cookie)

    def over(self) -> None:
        """Nothing more will be sent to an endpoint: copies that are not complete never will be."""
        for mirror in self._mirrors:
            mirror.cut()
        if self.retrying is not None:
            self.retrying.stop()
