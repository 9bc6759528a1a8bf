"""Changes a document of YAML in a few places: scalars stay as they are written, names in their order.

What is read by one schema and written by another changes its meaning on the way (`0644` is octal to some readers, `yes` is true);
so values that nobody touches go through as text. Lost are comments within the document, its indentation, and anchors: what an
alias stands for is written out.
"""

import re
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

import yaml

from hauberk_core.model.errors import Path

_MERGE_TAG: Final = "tag:yaml.org,2002:merge"
_TIMESTAMP_TAG: Final = "tag:yaml.org,2002:timestamp"
# Lines before the document's content: they say where it is from, as in the output of `helm template`.
_HEAD: Final = re.compile(r"(?:---[ \t\r]*(?:#[^\n]*)?\n)?(?:[ \t]*(?:#[^\n]*)?\n)*")
# No line is broken: a long text stays one that can be searched.
_WIDTH: Final = 1 << 30


class Edit(NamedTuple):
    """One change, as JSON Patch (RFC 6902) has it."""

    op: Literal["add", "remove", "replace"]
    path: Path
    """Positions in lists may be written as text."""
    value: object = None


class _Loader(yaml.CSafeLoader):
    """Takes dates for text."""


class _Dumper(yaml.CSafeDumper):
    """Takes dates for text."""


class _Representer(yaml.representer.SafeRepresenter):
    """Writes everything out."""

    def ignore_aliases(self, data: object) -> bool:
        return True


for _class in (_Loader, _Dumper):
    _class.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP_TAG]
        for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }


def edit_document(text: str, edits: Iterable[Edit]) -> str:
    """Change the one document of a text, which `YamlText` has found sound. Lines of comments before it stay."""
    head = _HEAD.match(text)
    kept = head[0] if head is not None else ""
    if text.startswith("---") and not kept.startswith("---"):
        # The document begins in the line of its mark.
        kept = "---\n"
    composed = yaml.compose(text, _Loader)
    assert composed is not None
    document = _copy(composed)
    for edit in edits:
        _apply(document, edit)
    body = yaml.serialize(document, Dumper=_Dumper, width=_WIDTH, allow_unicode=True)
    return f"{kept}{body}"


def _copy(node: yaml.Node) -> yaml.Node:
    """The node without anything that stands in two places. As deep as a document may be."""
    if isinstance(node, yaml.ScalarNode):
        return yaml.ScalarNode(node.tag, node.value, style=node.style)
    if isinstance(node, yaml.SequenceNode):
        return yaml.SequenceNode(node.tag, [_copy(item) for item in node.value], flow_style=node.flow_style)
    assert isinstance(node, yaml.MappingNode)
    own = {name.value: (_copy(name), _copy(value)) for name, value in node.value if name.tag != _MERGE_TAG}
    for name, value in node.value:
        if name.tag == _MERGE_TAG:
            for source in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                merged = _copy(source)
                own = {**own, **{key.value: (key, member) for key, member in merged.value if key.value not in own}}
    return yaml.MappingNode(node.tag, list(own.values()), flow_style=node.flow_style)


def _apply(document: yaml.Node, change: Edit) -> None:
    *way, last = change.path
    holder = document
    for step in way:
        holder = holder.value[int(step)] if isinstance(holder, yaml.SequenceNode) else _member(holder, str(step))
    value = None if change.op == "remove" else _node(change.value)
    if isinstance(holder, yaml.SequenceNode):
        position = int(last)
        # One item, or none yet, makes place for the new one, or for none.
        holder.value[position : position + (change.op != "add")] = [] if value is None else [value]
        return
    names = [name.value for name, _ in holder.value]
    position = names.index(last) if last in names else len(names)
    holder.value[position : position + 1] = [] if value is None else [(_node(last), value)]


def _member(holder: yaml.Node, name: str) -> yaml.Node:
    found: yaml.Node = next(value for key, value in holder.value if key.value == name)
    return found


def _node(value: object) -> yaml.Node:
    node: yaml.Node = _Representer(sort_keys=False).represent_data(value)
    return node
