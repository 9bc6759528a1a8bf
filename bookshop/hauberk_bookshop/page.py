"""The page that people see, put together from what the services answered. Static files hold its looks and its one script."""

from dataclasses import dataclass
from typing import Final

from hauberk_bookshop.markup import Child, Markup, element, fragment
from hauberk_bookshop.web import Request
from hauberk_bookshop.wire import Details, Product, Review, Reviews

SHOWN_HEADERS: Final = (
    "host",
    "x-request-id",
    "traceparent",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "forwarded",
    "via",
    "user-agent",
)
"""Headers of the page's own request that tell which way it came."""
LONGEST_SHOWN: Final = 200
"""Characters of a header's value; the rest is cut, so that a client cannot stretch its page."""
MOST_STARS: Final = 5


@dataclass(frozen=True, slots=True)
class Gap:
    """In place of an answer: why there is none, for a person."""

    why: str


@dataclass(frozen=True, slots=True)
class Page:
    """Everything on the page."""

    product: Product
    details: Details | Gap
    reviews: Reviews | Gap
    instance: str
    request: Request


def render(page: Page) -> str:
    """The page as an HTML document."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{page.product.title} · Ring & Rivet"),
        element("link", rel="icon", href="/favicon.svg"),
        element("link", rel="stylesheet", href="/static/bookshop.css"),
        _script("/static/live.js"),
    )
    body = element(
        "body",
        element("a", "Skip to the book", class_="skip", href="#book"),
        _banner(),
        element("main", _book(page), _reviews(page.reviews), _live_panel(page.reviews), _road(page), id="book"),
        _footer(page),
    )
    return "<!doctype html>\n" + element("html", head, body, lang="en").text


def _script(source: str) -> Markup:
    return element("script", src=source, defer=True)


def _banner() -> Markup:
    name = element(
        "a", element("img", src="/favicon.svg", alt="", width=36, height=36), "Ring & Rivet", class_="name", href="/productpage"
    )
    return element("header", name, element("p", "Booksellers to the patient"), class_="banner")


def _book(page: Page) -> Markup:
    title = page.product.title
    cover = element(
        "img", class_="cover", src="/static/cover.svg", width=360, height=540, alt=f"Cover of {title}: linked rings, one of gold"
    )
    words: list[Child] = [element("h1", title)]
    if isinstance(page.details, Details):
        by = f"{page.details.author}, translated by {page.details.translator}"
        words += [element("p", by, class_="author"), element("p", page.product.summary, class_="summary"), _facts(page.details)]
    else:
        words += [element("p", page.product.summary, class_="summary"), _gap("The details are missing", page.details)]
    return element("section", cover, element("div", *words, class_="words"), class_="book")


def _facts(details: Details) -> Markup:
    facts = (
        ("Publisher", details.publisher),
        ("Year", str(details.year)),
        ("Pages", str(details.pages)),
        ("Binding", details.binding),
        ("Language", details.language),
        ("ISBN", details.isbn),
    )
    return element("dl", *(element("div", element("dt", name), element("dd", value)) for name, value in facts), class_="facts")


def _gap(title: str, gap: Gap) -> Markup:
    return element("div", element("strong", title), element("p", gap.why), class_="gap", role="status")


def _reviews(reviews: Reviews | Gap) -> Markup:
    title = element("h2", "What readers say", id="reviews-title")
    if isinstance(reviews, Gap):
        return element(
            "section", title, _gap("The reviews are missing", reviews), class_="reviews", aria_labelledby="reviews-title"
        )
    stars = f"{reviews.star_colour} stars" if reviews.star_colour else "no stars"
    version = element("p", element("b", f"reviews {reviews.version}"), f" {stars}", class_=f"chip {reviews.version}")
    cards = element("div", *(_card(review, reviews.star_colour) for review in reviews.reviews), class_="cards")
    note = _gap("The stars are missing", Gap(reviews.ratings_error)) if reviews.ratings_error else fragment()
    return element(
        "section",
        element("div", title, version, class_="heading"),
        cards,
        note,
        class_="reviews",
        aria_labelledby="reviews-title",
        data_version=reviews.version,
    )


def _card(review: Review, colour: str) -> Markup:
    by = element("figcaption", element("b", review.reviewer), f", {review.place}")
    stars = _stars(review.stars, colour) if review.stars is not None else fragment()
    return element("figure", stars, element("blockquote", review.text), by, class_="card")


def _stars(count: int, colour: str) -> Markup:
    given = max(0, min(count, MOST_STARS))
    label = f"{given} of {MOST_STARS} stars"
    full = element("span", "★" * given, aria_hidden="true")
    empty = element("span", "★" * (MOST_STARS - given), class_="empty", aria_hidden="true")
    return element("p", full, empty, class_=f"stars {colour}", role="img", aria_label=label)


def _live_panel(reviews: Reviews | Gap) -> Markup:
    """The frame of the panel that `live.js` fills; without script it says so."""
    shares = (
        element(
            "li",
            element("span", version, class_=f"swatch {version}"),
            element("output", "-", id=f"share-{version}", class_="share"),
            element("span", what, class_="what"),
        )
        for version, what in (("v1", "no stars"), ("v2", "black stars"), ("v3", "red stars"), ("error", "no answer"))
    )
    return element(
        "section",
        element(
            "div",
            element("h2", "Who answers", id="live-title"),
            element("button", "Pause", id="live-toggle", type="button", hidden=True),
            class_="heading",
        ),
        element("p", "The last 100 answers of reviews, asked for by this page, oldest first.", class_="hint"),
        element("noscript", element("p", "This panel needs JavaScript. Reload the page to see another version.", class_="gap")),
        element("div", id="live-strip", class_="strip", role="img", aria_label="no answers yet"),
        element("ul", *shares, class_="shares"),
        element("p", "waiting for the first answer", id="live-last", class_="hint"),
        class_="live",
        aria_labelledby="live-title",
        data_source="/api/v1/products/0/reviews",
        data_first=reviews.version if isinstance(reviews, Reviews) else "error",
    )


def _road(page: Page) -> Markup:
    seen = [(name, value) for name, value in page.request.headers if name in SHOWN_HEADERS]
    rows = (
        element(
            "tr",
            element("th", name, scope="row"),
            element("td", value[:LONGEST_SHOWN] + ("…" if len(value) > LONGEST_SHOWN else "")),
        )
        for name, value in seen
    )
    asked = element(
        "div",
        element("h3", "What productpage was asked"),
        element("table", element("caption", "Request headers that tell the way", class_="hidden"), element("tbody", *rows)),
    )
    answered = element(
        "div",
        element("h3", "What your browser was answered"),
        element(
            "table",
            element("caption", "Headers of the last response to this page", class_="hidden"),
            element("tbody", element("tr", element("td", "shown once the panel above has its first answer")), id="live-headers"),
        ),
    )
    return element(
        "section",
        element("h2", "The road here", id="road-title"),
        element("div", asked, answered, class_="tables"),
        class_="road",
        aria_labelledby="road-title",
    )


def _footer(page: Page) -> Markup:
    served = [("productpage", page.instance)]
    if isinstance(page.details, Details):
        served.append(("details", page.details.instance))
    if isinstance(page.reviews, Reviews):
        served.append(("reviews", page.reviews.instance))
        if page.reviews.ratings_instance:
            served.append(("ratings", page.reviews.ratings_instance))
    chips = (element("li", f"{service} ", element("code", instance)) for service, instance in served)
    return element("footer", element("p", "Served by"), element("ul", *chips), class_="served")
