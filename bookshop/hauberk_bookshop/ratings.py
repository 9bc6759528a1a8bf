"""The service that knows the stars: `GET /ratings/{id}`."""

from hauberk_bookshop.app import App
from hauberk_bookshop.catalogue import PRODUCT, RATINGS
from hauberk_bookshop.settings import Settings
from hauberk_bookshop.web import Request, Response, json_response, problem
from hauberk_bookshop.wire import Ratings


def ratings_app(settings: Settings) -> App:
    """Build ratings."""
    answer = json_response(Ratings(id=PRODUCT.id, ratings=RATINGS, instance=settings.instance))

    async def handle(request: Request) -> Response:
        if request.path == f"/ratings/{PRODUCT.id}":
            return answer
        return problem(404, f"ratings knows no {request.path}; ask for /ratings/{PRODUCT.id}")

    return App(handle)
