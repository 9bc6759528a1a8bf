from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from hauberk_bookshop.markup import Markup, element, fragment


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, list[tuple[str, str | None]]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, attrs))

    def handle_data(self, data: str) -> None:
        self.text += data


# A carriage return is folded by every HTML reader, and NUL is no character of a document.
_texts = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=60)


@given(text=_texts, value=_texts)
def test_text_and_attributes_come_back_as_they_were_and_make_no_element(text: str, value: str) -> None:
    reader = _Reader()
    reader.feed(element("p", text, title=value).text)
    reader.close()
    assert reader.tags == [("p", [("title", value)])]
    assert reader.text == text


def test_markup_is_not_escaped_again() -> None:
    assert element("p", element("b", "a & b"), " <c>").text == "<p><b>a &amp; b</b> &lt;c&gt;</p>"


def test_names_of_attributes_and_their_switches() -> None:
    made = element("button", class_="x", aria_label="Pause", hidden=True, disabled=False, tabindex=0)
    assert made.text == '<button class="x" aria-label="Pause" hidden tabindex="0"></button>'


def test_an_element_without_content_has_no_end_tag() -> None:
    assert fragment(element("br"), Markup("<hr>")).text == "<br><hr>"
