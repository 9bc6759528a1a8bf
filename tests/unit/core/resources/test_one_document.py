"""Texts that are to be one document."""

import pytest

from hauberk_core.model.errors import ConfigErrors
from hauberk_core.resources.one_document import one_tree, read_one_document


def test_a_document_is_its_plain_value() -> None:
    assert read_one_document(b"a: [1, {b: yes}]\n", "x") == {"a": [1, {"b": "yes"}]}


def test_a_text_may_say_nothing() -> None:
    assert read_one_document(b"# nothing\n---\n", "x") is None
    assert one_tree(b"", "x") is None


@pytest.mark.parametrize("text", [b"a: 1\n---\nb: 2\n", b"a: [1\n", b"a: 1\na: 2\n", b"\xff"])
def test_what_is_no_single_document_is_refused(text: bytes) -> None:
    with pytest.raises(ConfigErrors) as refused:
        read_one_document(text, "x")
    assert refused.value.errors[0].origin == "x"
