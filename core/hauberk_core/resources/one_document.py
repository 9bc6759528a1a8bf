"""A YAML text that is to be one document."""

from hauberk_core.model.errors import ConfigErrors
from hauberk_core.model.tree import Tree
from hauberk_core.resources.yaml import YamlText


def one_tree(data: bytes, origin: str) -> Tree | None:
    """The document with the places of its values; None for a text that says nothing.

    Args: origin - what the text is called.
    Raises: ConfigErrors: it is no YAML, too large, or several documents.
    """
    text = YamlText.of(data, origin)
    documents = [parsed for start, end in text.pieces() for parsed in text.documents(start, end)]
    errors = [error for document in documents for error in document.errors]
    if len(documents) > 1:
        errors.append(text.error_at(0, (), "several documents, where one is read", "keep one of them"))
    if errors:
        raise ConfigErrors(errors)
    return documents[0].tree if documents else None


def read_one_document(data: bytes, origin: str) -> object:
    """The document's plain value; None for a text that says nothing. Raises: ConfigErrors, as `one_tree`."""
    tree = one_tree(data, origin)
    return None if tree is None else tree.root.plain()
