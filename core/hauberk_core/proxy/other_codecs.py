"""The codecs that are not compiled with the proxy, because they lean on libraries: a setting puts them in the place of ours."""

from mypy_extensions import mypyc_attr

from hauberk_core.http.h2.machine import MultiplexedMachine
from hauberk_core.http.machine import ClientMachine, ServerMachine
from hauberk_core.model.listener import HttpLimits


@mypyc_attr(allow_interpreted_subclasses=True)
class OtherCodecs:
    """Makes machines of the codecs that are not compiled with the proxy (h11, h2)."""

    def server(self, scheme: str, limits: HttpLimits) -> ServerMachine:
        """A server machine."""
        raise NotImplementedError

    def client(self, limits: HttpLimits) -> ClientMachine:
        """A client machine."""
        raise NotImplementedError

    def multiplexed_server(self, scheme: str, limits: HttpLimits) -> MultiplexedMachine:
        """A server machine of HTTP/2."""
        raise NotImplementedError

    def multiplexed_client(self, limits: HttpLimits) -> MultiplexedMachine:
        """A client machine of HTTP/2."""
        raise NotImplementedError
