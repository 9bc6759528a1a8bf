from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from hauberk_bookshop.tracing import FORWARDED
from hauberk_bookshop.web import Handler, Request, Response, json_response
from hauberk_bookshop.wire import Details, Health, Ratings, Review, Reviews

if TYPE_CHECKING:
    from tests.unit.bookshop.conftest import ServeHandler, ServeService, Serving


def _recording(seen: list[Request], response: Response) -> Handler:
    async def record(request: Request) -> Response:
        seen.append(request)
        return response

    return record


def _at(service: str, serving: Serving) -> dict[str, str]:
    return {f"{service}_SERVICE_HOST": "127.0.0.1", f"{service}_SERVICE_PORT": str(serving.port)}


async def test_details_and_ratings_tell_what_they_know(serve_service: ServeService) -> None:
    details = await serve_service("details", {"INSTANCE_NAME": "details-1"})
    ratings = await serve_service("ratings", {"INSTANCE_NAME": "ratings-1"})
    told = msgspec.json.decode((await details.get("/details/0")).body, type=Details)
    assert (told.id, told.instance) == (0, "details-1")
    stars = msgspec.json.decode((await ratings.get("/ratings/0")).body, type=Ratings)
    assert stars.instance == "ratings-1"
    assert all(1 <= count <= 5 for count in stars.ratings.values())


@pytest.mark.parametrize("service", ["productpage", "details", "ratings", "reviews"])
async def test_every_service_tells_its_health_and_knows_what_it_does_not_know(serve_service: ServeService, service: str) -> None:
    serving = await serve_service(service, {"INSTANCE_NAME": "me", "SERVICE_VERSION": "v2"})
    health = msgspec.json.decode((await serving.get("/health")).body, type=Health)
    assert health == Health(service=service, version="v2", instance="me")
    missing = await serving.get("/nothing")
    assert missing.status == 404
    assert b"/nothing" in missing.body


@pytest.mark.parametrize(("version", "colour"), [("v1", ""), ("v2", "black"), ("v3", "red")])
async def test_reviews_have_stars_by_version(serve_service: ServeService, version: str, colour: str) -> None:
    ratings = await serve_service("ratings", {"INSTANCE_NAME": "ratings-1"})
    serving = await serve_service("reviews", {"SERVICE_VERSION": version, **_at("RATINGS", ratings)})
    reply = await serving.get("/reviews/0")
    reviews = msgspec.json.decode(reply.body, type=Reviews)
    assert reply.header("reviews-version") == reviews.version == version
    assert reviews.star_colour == colour
    assert reviews.ratings_instance == ("ratings-1" if colour else "")
    assert all((review.stars is not None) == bool(colour) for review in reviews.reviews)


async def test_reviews_v1_never_asks_ratings(serve_service: ServeService, serve_handler: ServeHandler) -> None:
    asked: list[Request] = []
    ratings = await serve_handler(_recording(asked, json_response({})))
    for version, calls in (("v1", 0), ("v2", 1)):
        serving = await serve_service("reviews", {"SERVICE_VERSION": version, **_at("RATINGS", ratings)})
        await serving.get("/reviews/0")
        assert len(asked) == calls


@pytest.mark.parametrize(
    ("answer", "why"), [(json_response({}, 503), "status 503"), (json_response({"id": "x"}), "Expected `int`")]
)
async def test_without_ratings_the_words_are_still_there(
    serve_service: ServeService, serve_handler: ServeHandler, answer: Response, why: str
) -> None:
    ratings = await serve_handler(_recording([], answer))
    serving = await serve_service("reviews", {"SERVICE_VERSION": "v2", **_at("RATINGS", ratings)})
    reply = await serving.get("/reviews/0")
    reviews = msgspec.json.decode(reply.body, type=Reviews)
    assert reply.status == 200
    assert why in reviews.ratings_error
    assert reviews.reviews
    assert all(review.text and review.stars is None for review in reviews.reviews)


async def test_a_trace_goes_on_with_every_call(serve_service: ServeService, serve_handler: ServeHandler) -> None:
    asked: list[Request] = []
    other = await serve_handler(_recording(asked, json_response({}, 503)))
    everywhere = _at("RATINGS", other) | _at("DETAILS", other) | _at("REVIEWS", other)
    trace = tuple((name, f"value of {name}") for name in sorted(FORWARDED))
    for service, path, calls in (("reviews", "/reviews/0", 1), ("productpage", "/productpage", 2)):
        asked.clear()
        serving = await serve_service(service, {"SERVICE_VERSION": "v3", **everywhere})
        await serving.get(path, (*trace, ("cookie", "secret")))
        assert len(asked) == calls
        for request in asked:
            assert tuple(header for header in request.headers if header[0] in FORWARDED) == trace
            assert not request.header("cookie")


async def test_faults_on_request(serve_service: ServeService) -> None:
    failing = await serve_service("ratings", {"FAULT_RATE": "1"})
    assert (await failing.get("/ratings/0")).status == 503
    assert (await failing.get("/health")).status == 200
    sound = await serve_service("ratings", {"FAULT_DELAY": "0.01"})
    assert (await sound.get("/ratings/0")).status == 200


class TestProductpage:
    async def test_the_page_shows_what_the_services_said(self, serve_service: ServeService) -> None:
        details = await serve_service("details", {"INSTANCE_NAME": "details-1"})
        ratings = await serve_service("ratings", {})
        for version, stars in (("v1", b""), ("v2", b'class="stars black"'), ("v3", b'class="stars red"')):
            reviews = await serve_service("reviews", {"SERVICE_VERSION": version, **_at("RATINGS", ratings)})
            page = await serve_service("productpage", _at("DETAILS", details) | _at("REVIEWS", reviews))
            reply = await page.get("/productpage")
            assert reply.status == 200
            assert reply.header("reviews-version") == version
            assert b"details-1" in reply.body
            assert b'class="card"' in reply.body
            assert stars in reply.body
            assert (b'class="stars ' in reply.body) == bool(stars)

    async def test_what_others_say_is_text_and_never_markup(
        self, serve_service: ServeService, serve_handler: ServeHandler
    ) -> None:
        attack = "<script>alert(1)</script>\"'&"
        review = Review(reviewer=attack, place=attack, text=attack, stars=9)
        said = Reviews(id=0, version=attack, instance=attack, reviews=(review,), star_colour=attack, ratings_error=attack)
        reviews = await serve_handler(_recording([], json_response(said)))
        details = await serve_handler(_recording([], json_response({}, 500)))
        page = await serve_service("productpage", _at("DETAILS", details) | _at("REVIEWS", reviews))
        reply = await page.get("/productpage", (("x-request-id", attack), ("user-agent", "<b>" + "y" * 1000)))
        assert reply.status == 200
        assert b"<script>alert" not in reply.body
        assert b"&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#x27;&amp;" in reply.body
        assert b"<b>y" not in reply.body
        assert b"y" * 300 not in reply.body
        assert "script-src 'self'" in reply.header("content-security-policy")

    async def test_gaps_are_told_and_the_page_still_comes(self, serve_service: ServeService, serve_handler: ServeHandler) -> None:
        refusal = Response(503, b"", "text/plain", (("hauberk-reason", "no_endpoint"),))
        broken = await serve_handler(_recording([], refusal))
        page = await serve_service("productpage", _at("DETAILS", broken) | _at("REVIEWS", broken))
        reply = await page.get("/productpage")
        assert reply.status == 200
        assert b"The details are missing" in reply.body
        assert b"The reviews are missing" in reply.body
        assert b"status 503 (no_endpoint)" in reply.body
        assert not reply.header("reviews-version")
        assert (await page.get("/api/v1/products/0/reviews")).status == 502

    async def test_for_programs(self, serve_service: ServeService) -> None:
        details = await serve_service("details", {})
        reviews = await serve_service("reviews", {})
        page = await serve_service("productpage", _at("DETAILS", details) | _at("REVIEWS", reviews))
        assert b'"id":0' in (await page.get("/api/v1/products")).body
        msgspec.json.decode((await page.get("/api/v1/products/0")).body, type=Details)
        msgspec.json.decode((await page.get("/api/v1/products/0/reviews")).body, type=Reviews)
        moved = await page.get("/")
        assert (moved.status, moved.header("location")) == (302, "/productpage")

    @pytest.mark.parametrize("path", ["/static/bookshop.css", "/static/live.js", "/static/cover.svg", "/favicon.svg"])
    async def test_everything_that_the_page_needs_is_its_own(self, serve_service: ServeService, path: str) -> None:
        page = await serve_service("productpage", {})
        reply = await page.get(path)
        assert reply.status == 200
        assert reply.body
        assert b"//" not in reply.body.replace(b'xmlns="http://www.w3.org/2000/svg"', b"").replace(b"\n//", b"").lstrip(b"/")
        assert path.encode() in (await page.get("/productpage")).body
