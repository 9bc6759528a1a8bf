"""YAML inside a text of an object: an annotation, an entry of a ConfigMap."""

from hauberk_core.model.errors import ConfigErrors, quote
from hauberk_core.resources.yaml import YamlText


def read_members(text: str, origin: str, example: str) -> dict[str, object]:
    """The members of the object that the first document is; none for no document.

    Args: origin - what a person calls the text; example - shown to whoever writes something else than an object.
    Raises: ValueError: what is wrong, a semicolon, and what to write.
    """
    try:
        yaml = YamlText.of(text.encode(), origin)
    except ConfigErrors as refused:
        raise told(refused.errors[0].message, refused.errors[0].hint) from None
    documents = [parsed for start, end in yaml.pieces() for parsed in yaml.documents(start, end)]
    for _, errors in documents:
        for error in errors:
            raise told(f"{error.message} (line {error.line})", error.hint)
    if not documents or documents[0].tree is None:
        return {}
    plain = documents[0].tree.root.plain()
    if not isinstance(plain, dict):
        raise told(f"{quote(str(plain))} is no object", f"write for example {example}")
    return plain


def told(message: str, hint: str) -> ValueError:
    """The error for what is wrong with such a text."""
    return ValueError(f"{message}; {hint}")
