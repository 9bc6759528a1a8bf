"""The service that knows what readers say: `GET /reviews/{id}`.

Version v1 has words only. v2 and v3 ask ratings for stars and show them in black and in red; without an answer from ratings they
still show the words, and say why the stars are missing.
"""

from typing import Final

import msgspec

from hauberk_bookshop.app import App
from hauberk_bookshop.calling import CallError, Service
from hauberk_bookshop.catalogue import PRODUCT, REVIEWS
from hauberk_bookshop.settings import Settings
from hauberk_bookshop.tracing import trace_headers
from hauberk_bookshop.web import Request, Response, json_response, problem
from hauberk_bookshop.wire import Ratings, Reviews

STAR_COLOUR: Final = {"v1": "", "v2": "black", "v3": "red"}


def reviews_app(settings: Settings) -> App:
    """Build reviews in the version that `settings` asks for."""
    ratings = Service(settings.ratings.host, settings.ratings.port, settings.ratings.hostname)
    colour = STAR_COLOUR[settings.version]
    words_only = Reviews(id=PRODUCT.id, version=settings.version, instance=settings.instance, reviews=REVIEWS, star_colour=colour)

    async def handle(request: Request) -> Response:
        if request.path != f"/reviews/{PRODUCT.id}":
            return problem(404, f"reviews knows no {request.path}; ask for /reviews/{PRODUCT.id}")
        reviews = await _with_stars(words_only, ratings, request) if colour else words_only
        return json_response(reviews, headers=(("reviews-version", settings.version),))

    return App(handle, (ratings,))


async def _with_stars(words_only: Reviews, service: Service, request: Request) -> Reviews:
    try:
        reply = await service.get(f"/ratings/{words_only.id}", trace_headers(request), seconds=2.0)
        if reply.status != 200:
            raise CallError(f"ratings answered with status {reply.status}")
        ratings = msgspec.json.decode(reply.body, type=Ratings)
    except (CallError, msgspec.DecodeError) as error:
        return msgspec.structs.replace(words_only, ratings_error=str(error))
    reviews = tuple(msgspec.structs.replace(review, stars=ratings.ratings.get(review.reviewer)) for review in words_only.reviews)
    return msgspec.structs.replace(words_only, reviews=reviews, ratings_instance=ratings.instance)
