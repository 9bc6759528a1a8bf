"""Where the fields of an object stand in the file it was read from."""

from typing import NamedTuple

from hauberk_core.model.document import Document
from hauberk_core.model.errors import ConfigErrors, Path
from hauberk_core.model.tree import Node, Tree
from hauberk_core.resources.yaml import YamlText


class Written(NamedTuple):
    """The text of a file, shared by all its objects, and where one of them begins in it.

    Places of fields are wanted only for the few objects that turn out to be wrong later on. So only the text is kept, which is
    smaller than a tree, and it is read once more when a place is asked for.
    """

    text: str
    offset: int
    """In characters."""
    origin: str

    def __repr__(self) -> str:
        # The text may hold secrets, and what is shown of an object ends in logs.
        return f"Written({self.origin}, offset={self.offset})"

    def place(self, path: Path) -> tuple[int, int] | None:
        """Line and column, counted from 1, of a field; of one that is not written, of the longest part of its path that is.

        Returns: None if the object cannot be found any more.
        """
        if self.origin.endswith(".json"):
            try:
                tree: Tree | None = Document(self.text.encode(), self.origin)
            except ConfigErrors:
                return None
        else:
            tree = YamlText(self.text, self.origin).document_at(self.offset)
        root = _object_at(tree.root, self.offset) if tree is not None else None
        if tree is None or root is None:
            return None
        part = tree.part(root)
        return part.place(part.offset_of(path))


def _object_at(root: Node, offset: int) -> Node | None:
    """The outermost object that begins at a character: the document itself, or an item of a list in it."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node.value, dict):
            if node.offset == offset:
                return node
            items = node.value.get("items")
            if items is not None and isinstance(items.value, list):
                waiting += items.value
    return None
