"""The shop window: `GET /productpage` for people, `GET /api/v1/products...` for programs.

It asks details and reviews for every page. One that does not answer leaves a gap in the page with the reason in it,
never an error page.
"""

from dataclasses import dataclass
from importlib import resources
from typing import Final, TypeVar

import msgspec
import trio

from hauberk_bookshop.app import App
from hauberk_bookshop.calling import CallError, Service
from hauberk_bookshop.catalogue import PRODUCT
from hauberk_bookshop.page import Gap, Page, render
from hauberk_bookshop.settings import Peer, Settings
from hauberk_bookshop.tracing import trace_headers
from hauberk_bookshop.web import Request, Response, json_response, problem
from hauberk_bookshop.wire import Details, Reviews

CALL_SECONDS: Final = 5.0
"""For each of the two calls a page waits for; they run side by side."""

# The page needs nothing from elsewhere and runs no script of anybody else: even a text that got past the escaping could not act.
CONTENT_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)

Answer = TypeVar("Answer", Details, Reviews)


def productpage_app(settings: Settings) -> App:
    """Build productpage."""
    shop = _Productpage(settings)
    return App(shop.handle, (shop.details, shop.reviews))


def _service(peer: Peer) -> Service:
    return Service(peer.host, peer.port, peer.hostname)


def _static(name: str, content_type: str) -> Response:
    body = resources.files("hauberk_bookshop").joinpath("static", name).read_bytes()
    return Response(200, body, content_type, (("cache-control", "max-age=60"), ("x-content-type-options", "nosniff")))


@dataclass(slots=True)
class _Answers:
    details: Details | Gap
    reviews: Reviews | Gap


class _Productpage:
    def __init__(self, settings: Settings) -> None:
        self._instance: Final = settings.instance
        self.details: Final = _service(settings.details)
        self.reviews: Final = _service(settings.reviews)
        self._static: Final = {
            "/static/bookshop.css": _static("bookshop.css", "text/css; charset=utf-8"),
            "/static/live.js": _static("live.js", "text/javascript; charset=utf-8"),
            "/static/cover.svg": _static("cover.svg", "image/svg+xml"),
            "/favicon.svg": _static("favicon.svg", "image/svg+xml"),
        }

    async def handle(self, request: Request) -> Response:
        path = request.path
        product = f"/api/v1/products/{PRODUCT.id}"
        if path == "/productpage":
            return await self._page(request)
        if path == "/":
            return Response(302, content_type="text/plain", headers=(("location", "/productpage"), ("cache-control", "no-store")))
        if path == "/api/v1/products":
            return json_response([PRODUCT])
        if path == product:
            return _passed_on(await self._call(self.details, "/details", Details, request))
        if path == f"{product}/reviews":
            return _passed_on(await self._call(self.reviews, "/reviews", Reviews, request))
        return self._static.get(path) or problem(404, f"productpage knows no {path}; the page is /productpage")

    async def _page(self, request: Request) -> Response:
        answers = _Answers(Gap("details was not asked"), Gap("reviews was not asked"))

        async def ask_details() -> None:
            answers.details = await self._call(self.details, "/details", Details, request)

        async def ask_reviews() -> None:
            answers.reviews = await self._call(self.reviews, "/reviews", Reviews, request)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask_details)
            nursery.start_soon(ask_reviews)
        body = render(Page(PRODUCT, answers.details, answers.reviews, self._instance, request))
        return Response(
            200,
            body.encode(),
            "text/html; charset=utf-8",
            (
                ("cache-control", "no-store"),
                ("content-security-policy", CONTENT_POLICY),
                ("x-content-type-options", "nosniff"),
                ("referrer-policy", "no-referrer"),
                ("productpage-instance", self._instance),
                *_version_header(answers.reviews),
            ),
        )

    async def _call(self, service: Service, path: str, answer: type[Answer], request: Request) -> Answer | Gap:
        try:
            reply = await service.get(f"{path}/{PRODUCT.id}", trace_headers(request), seconds=CALL_SECONDS)
        except CallError as error:
            return Gap(str(error))
        if reply.status != 200:
            why = reply.header("hauberk-reason")
            return Gap(f"{service.name} answered with status {reply.status}{f' ({why})' if why else ''}")
        try:
            return msgspec.json.decode(reply.body, type=answer)
        except msgspec.DecodeError as error:
            return Gap(f"{service.name} answered with something unexpected: {error}")


def _version_header(reviews: Details | Reviews | Gap) -> tuple[tuple[str, str], ...]:
    return (("reviews-version", reviews.version),) if isinstance(reviews, Reviews) else ()


def _passed_on(answer: Details | Reviews | Gap) -> Response:
    if isinstance(answer, Gap):
        return problem(502, answer.why)
    return json_response(answer, headers=_version_header(answer))
