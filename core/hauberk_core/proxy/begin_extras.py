"""Begins what a route asks for beyond the usual: copies go out, and other attempts are made ready."""

from hauberk_core.http.events import Request
from hauberk_core.model.decision import Extras
from hauberk_core.net.loop import Loop
from hauberk_core.proxy.chain import Chain
from hauberk_core.proxy.extras import ExchangeExtras
from hauberk_core.proxy.mirror import MirroredRequest
from hauberk_core.proxy.retrying import Retrying


def begin_extras(extras: Extras, request: Request, chain: Chain, loop: Loop) -> ExchangeExtras:
    """What one exchange needs, its copies under way. Args: request - as the endpoint will see it."""
    retrying: Retrying | None = None
    if extras.retry is not None:
        retrying = Retrying(extras.retry, loop, chain.chance)
    mirrors: list[MirroredRequest] = []
    # A tunnel cannot be copied.
    if not request.upgrade and request.method != "CONNECT":
        for mirror in extras.mirrors:
            target = chain.owner.target(mirror.cluster)
            if target is None or not target.is_ordinary or (mirror.share < 1.0 and chain.chance.next() >= mirror.share):
                continue
            copy = MirroredRequest(request, target.cluster, target.meters.mirrored())
            copy.begin()
            mirrors.append(copy)
    return ExchangeExtras(extras.cors, request.headers.get("origin"), mirrors, retrying)
