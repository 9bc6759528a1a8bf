"""What the services say to each other, as JSON."""

import msgspec


class Details(msgspec.Struct, frozen=True, kw_only=True):
    """The bibliographic facts of a book, from details."""

    id: int
    title: str
    author: str
    translator: str
    publisher: str
    year: int
    pages: int
    language: str
    binding: str
    isbn: str
    instance: str


class Ratings(msgspec.Struct, frozen=True, kw_only=True):
    """Stars from one to five by reviewer, from ratings."""

    id: int
    ratings: dict[str, int]
    instance: str


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """What one reviewer has to say. `stars` is None where the version shows none, or where ratings gave none."""

    reviewer: str
    place: str
    text: str
    stars: int | None = None


class Reviews(msgspec.Struct, frozen=True, kw_only=True):
    """All that is said of one book, from reviews."""

    id: int
    version: str
    instance: str
    reviews: tuple[Review, ...]
    star_colour: str = ""
    """`black`, `red`, or empty: this version shows no stars."""
    ratings_instance: str = ""
    ratings_error: str = ""
    """Why there are no stars although this version would show them."""


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the catalogue, from productpage."""

    id: int
    title: str
    summary: str


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `/health`."""

    service: str
    version: str
    instance: str
    status: str = "ok"
