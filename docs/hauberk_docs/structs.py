"""Structs as sections of a page, by way of their schemas."""

import json
from collections.abc import Mapping
from typing import Any

from hauberk_docs.markdown import code, page, table


def schema_page(title: str, before: str, schema: Mapping[str, Any]) -> str:
    """A page with a section for each struct of a schema, its root first."""
    definitions: Mapping[str, Any] = schema["$defs"]
    first = str(schema["$ref"]).rpartition("/")[2]
    order = [first, *[name for name in definitions if name != first]]
    return page(title, before, *[struct_section(name, definitions[name]) for name in order])


def struct_section(name: str, struct: Mapping[str, Any], *, defaults: bool = True) -> str:
    """A section: what the struct is, and its members. Args: struct - its schema; defaults - members may be left out."""
    rows: list[tuple[str, ...]] = []
    for member, schema in struct["properties"].items():
        default = ("" if member in struct["required"] else _default(schema),) if defaults else ()
        rows.append((code(member), _type(schema), *default, schema.get("description", "")))
    head = ("member", "value", *(("default",) if defaults else ()), "what it means")
    return f"## {name}\n\n{struct['description']}\n\n{table(head, rows)}"


def _default(schema: Mapping[str, Any]) -> str:
    return code(json.dumps(schema["default"], ensure_ascii=False)) if "default" in schema else ""


def _type(schema: Mapping[str, Any]) -> str:
    """A type in a word or two; what has a section of its own is a link to it."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join([_type(choice) for choice in schema["anyOf"]])
    if "enum" in schema:
        return " or ".join([code(json.dumps(value)) for value in schema["enum"]])
    if "type" not in schema:
        return "anything"
    kind: str = schema["type"]
    if kind == "array" and "items" in schema:
        return f"list of {_type(schema['items'])}"
    if kind == "array":
        return "[" + ", ".join([_type(item) for item in schema["prefixItems"]]) + "]"
    if kind == "object" and schema.get("additionalProperties"):
        return f"object of {_type(schema['additionalProperties'])}"
    if kind == "integer" and "minimum" in schema and "maximum" in schema:
        return f"{schema['minimum']} to {schema['maximum']}"
    return "duration" if "pattern" in schema else kind
