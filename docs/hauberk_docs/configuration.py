"""The configuration of one proxy, as `hauberk proxy --config` reads it and `/config_dump` shows it."""

import json
from collections.abc import Mapping
from typing import Any, Final

from hauberk_core.model.schema import snapshot_schema
from hauberk_docs.markdown import code, page, table

_BEFORE: Final = """
What a proxy serves by: the file of `hauberk proxy --config`, and what control makes of resources.
[snapshot.schema.json](snapshot.schema.json) says the same to editors and programs. Members without a default have to be
written; others may be left out.
"""


def configuration_page() -> str:
    """The page, from the model by way of its schema."""
    return schema_page("Configuration of a proxy", _BEFORE, snapshot_schema())


def schema_page(title: str, before: str, schema: Mapping[str, Any]) -> str:
    """A page with a section for each struct of a schema, its root first."""
    definitions: Mapping[str, Any] = schema["$defs"]
    first = str(schema["$ref"]).rpartition("/")[2]
    order = [first, *[name for name in definitions if name != first]]
    return page(title, before, *[_struct(name, definitions[name]) for name in order])


def _struct(name: str, struct: Mapping[str, Any]) -> str:
    rows = [
        (code(member), _type(schema), "" if member in struct["required"] else _default(schema), schema.get("description", ""))
        for member, schema in struct["properties"].items()
    ]
    return f"## {name}\n\n{struct['description']}\n\n{table(('member', 'value', 'default', 'what it means'), rows)}"


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
    if not schema:
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
