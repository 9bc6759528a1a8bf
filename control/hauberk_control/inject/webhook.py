"""The admission webhook: HTTPS on control's port 15017, path `/inject`.

The API server keeps a few connections and asks on them. Anybody in the cluster can connect as well, and learns nothing that is
not in the pod that they send; everything is bounded: connections, octets, and how long each step may take.
"""

import ssl
from collections.abc import Awaitable, Callable
from typing import Final

import trio
from prometheus_client import CollectorRegistry

from hauberk_control.ca.errors import AuthorityError
from hauberk_control.ca.own_certificate import OwnCertificate
from hauberk_control.inject.decide import Namespace
from hauberk_control.inject.https import Post, Reply, serve_posts
from hauberk_control.inject.metrics import WebhookMetrics
from hauberk_control.inject.review import Question, Reviewer, ReviewMalformed, read_review
from hauberk_core.agent.logs import LOG
from hauberk_core.net.pem import load_certificate

PATH: Final = "/inject"
LARGEST_BODY: Final = 8 << 20
"""Octets. An object that the API server takes has at most 3 MiB, and a review may hold it twice."""
# The API servers of a large cluster keep some ten each. Who comes beyond that waits to be accepted.
_MOST_CONNECTIONS: Final = 256
_EXHAUSTED_PAUSE: Final = 0.1
# For what is known of a namespace; what is left of the API server's ten seconds is for it to hear that this took too long.
_NAMESPACE_SECONDS: Final = 5.0

FindNamespace = Callable[[str, bool], Awaitable[Namespace | None]]
"""Tells of a namespace by its name what is known; True: what the API server has now. None: there is none, or nobody can tell."""


class Webhook:
    """Serves injection to the API server."""

    def __init__(
        self,
        own: OwnCertificate,
        reviewer: Reviewer,
        find_namespace: FindNamespace,
        registry: CollectorRegistry,
        most_connections: int = _MOST_CONNECTIONS,
    ) -> None:
        """Prepare. Args: own - the server's certificate. Raises: AuthorityError, if it cannot be made."""
        self._own: Final = own
        self._reviewer: Final = reviewer
        self._find_namespace: Final = find_namespace
        self._metrics: Final = WebhookMetrics(registry)
        self._slots: Final = trio.Semaphore(most_connections)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._renew()

    async def serve(self, listeners: list[trio.SocketListener]) -> None:
        """Serve until cancelled; the listeners are closed then."""
        async with trio.open_nursery() as nursery:
            for listener in listeners:
                nursery.start_soon(self._accept, listener, nursery)

    async def answer(self, post: Post) -> Reply:
        """Answer one request."""
        if post.path != PATH:
            return Reply(404, f"only {PATH} is served here".encode())
        began = trio.current_time()
        try:
            question = read_review(post.body)
        except ReviewMalformed as error:
            self._metrics.note("malformed", trio.current_time() - began)
            return Reply(400, str(error).encode())
        answer = self._reviewer.answer(question, await self._namespace(question, False))
        if answer.outcome == "skipped" and question.pod is not None:
            # By its selectors the API server asks about no such pod: what we know of its namespace may be old.
            answer = self._reviewer.answer(question, await self._namespace(question, True))
        self._metrics.note(answer.outcome, trio.current_time() - began)
        return Reply(200, answer.body, json=True)

    async def _namespace(self, question: Question, fresh: bool) -> Namespace | None:
        if question.pod is None:
            return None
        with trio.move_on_after(_NAMESPACE_SECONDS):
            return await self._find_namespace(question.namespace, fresh)
        LOG.error("the namespace %s could not be looked up in %.0f s", question.namespace, _NAMESPACE_SECONDS)
        return None

    def _renew(self) -> None:
        """Present another certificate where it is time. Raises: AuthorityError; the last one stays."""
        presented = self._own.next()
        if presented is None:
            return
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        load_certificate(context, presented.chain, presented.key)
        self._context = context

    async def _accept(self, listener: trio.SocketListener, nursery: trio.Nursery) -> None:
        async with listener:
            while True:
                await self._slots.acquire()
                try:
                    stream = await listener.accept()
                except OSError as error:
                    self._slots.release()
                    LOG.error("the webhook cannot accept: %s", error.strerror or error)
                    await trio.sleep(_EXHAUSTED_PAUSE)
                else:
                    nursery.start_soon(self._serve_connection, stream)

    async def _serve_connection(self, stream: trio.SocketStream) -> None:
        try:
            try:
                self._renew()
            except AuthorityError as error:
                LOG.error("the webhook's certificate is not renewed: %s", error)
            tls = trio.SSLStream(stream, self._context, server_side=True, https_compatible=True)
            await serve_posts(tls, self.answer, LARGEST_BODY)
        except (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError):
            return  # the client has gone, speaks no TLS with us, or takes too long
        except Exception:
            LOG.exception("the webhook failed to serve a connection")
        finally:
            self._slots.release()
            await trio.aclose_forcefully(stream)
