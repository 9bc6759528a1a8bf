"""The service that knows a book's facts: `GET /details/{id}`."""

from hauberk_bookshop.app import App
from hauberk_bookshop.catalogue import PRODUCT, details_of
from hauberk_bookshop.settings import Settings
from hauberk_bookshop.web import Request, Response, json_response, problem


def details_app(settings: Settings) -> App:
    """Build details."""
    answer = json_response(details_of(settings.instance))

    async def handle(request: Request) -> Response:
        if request.path == f"/details/{PRODUCT.id}":
            return answer
        return problem(404, f"details knows no {request.path}; ask for /details/{PRODUCT.id}")

    return App(handle)
