"""The one book of this shop. It does not exist, and neither do its readers."""

from typing import Final

from hauberk_bookshop.wire import Details, Product, Review

PRODUCT: Final = Product(
    id=0,
    title="Thirty Thousand Rings",
    summary=(
        "In a town that has not seen a war for sixty years, Ysolde Marrec is the last to be taught the mail maker's trade: "
        "draw the wire, wind it, cut it, and close every ring through four others. A novel about patience, about what holds "
        "because no single link has to, and about a shirt that took eleven winters to finish."
    ),
)


def details_of(instance: str) -> Details:
    """The facts about the book, signed by the instance that serves them."""
    return Details(
        id=PRODUCT.id,
        title=PRODUCT.title,
        author="Aveline Corbeau-Hart",
        translator="Jonas Wikander",
        publisher="Nine Lanterns Press",
        year=2019,
        pages=412,
        language="English",
        binding="Clothbound",
        isbn="000-0-00000-030-0",
        instance=instance,
    )


REVIEWS: Final = (
    Review(
        reviewer="Ottilie",
        place="Trondheim",
        text=(
            "I meant to read one chapter and looked up when the tram had reached the depot. The scene with the broken pliers "
            "says more about grief than shelves of books that set out to."
        ),
    ),
    Review(
        reviewer="Desmond",
        place="Cork",
        text=(
            "You will learn more about wire than you asked for, and want more still. The middle sags a little under its "
            "own weight, as good mail does; the ending closes every ring."
        ),
    ),
)

RATINGS: Final = {"Ottilie": 5, "Desmond": 4}
