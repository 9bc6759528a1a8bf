"""JSON Schemas of structs, a snapshot's among them, for editors and other programs; descriptions come from their own docstrings.

msgspec can write schemas itself, but not for structs whose defaults are of our own types (a `Duration` is).
"""

import ast
import inspect
import json
import textwrap
from typing import Any, Final

import msgspec
from msgspec.inspect import (
    BoolType,
    CustomType,
    DictType,
    Field,
    FloatType,
    IntType,
    ListType,
    LiteralType,
    Metadata,
    NoneType,
    RawType,
    StrType,
    StructType,
    TupleType,
    Type,
    UnionType,
    VarTupleType,
    type_info,
)

from hauberk_core.model.codec import to_plain
from hauberk_core.model.duration import Duration
from hauberk_core.model.plugin import JsonObject
from hauberk_core.model.snapshot import Snapshot

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_CUSTOM: Final[dict[type, dict[str, Any]]] = {
    Duration: {
        "type": "string",
        "pattern": r"^([0-9]{1,9}(\.[0-9]{1,9})?(h|ms|m|s))+$",
        "description": "A span of time: numbers with the units h, m, s and ms, for example 15s or 1m30s; at most 36 h.",
    },
    JsonObject: {"type": "object"},
    object: {},
}


def encode_schema() -> bytes:
    """The schema as indented JSON text, ending in a line break."""
    return json.dumps(snapshot_schema(), indent=2, ensure_ascii=False).encode() + b"\n"


def snapshot_schema() -> dict[str, Any]:
    """The snapshot's schema as JSON values."""
    return struct_schema(Snapshot, "hauberk snapshot")


def struct_schema(root: type, title: str) -> dict[str, Any]:
    """The schema of any struct as JSON values. Where its sources are not installed, members have no descriptions."""
    definitions: dict[str, Any] = {}
    info = type_info(root)
    assert isinstance(info, StructType)
    waiting = [info]
    while waiting:
        struct = waiting.pop()
        if struct.cls.__name__ not in definitions:
            definitions[struct.cls.__name__] = _struct(struct, waiting)
    return {
        "$schema": _DIALECT,
        "title": title,
        "$ref": f"#/$defs/{root.__name__}",
        "$defs": {name: definitions[name] for name in sorted(definitions)},
    }


def _struct(struct: StructType, met: list[StructType]) -> dict[str, Any]:
    docstrings = _Docstrings(struct.cls)
    return {
        "title": struct.cls.__name__,
        "description": docstrings.struct,
        "type": "object",
        "properties": {field.encode_name: _member(field, docstrings.members.get(field.name), met) for field in struct.fields},
        "required": [field.encode_name for field in struct.fields if field.required],
        "additionalProperties": False,
    }


def _member(field: Field, docstring: str | None, met: list[StructType]) -> dict[str, Any]:
    schema = _value(field.type, met)
    if docstring is not None:
        schema["description"] = docstring
    if field.default_factory is not msgspec.NODEFAULT:
        schema["default"] = to_plain(field.default_factory())
    elif field.default is not msgspec.NODEFAULT:
        schema["default"] = to_plain(field.default)
    return schema


def _value(wanted: Type, met: list[StructType]) -> dict[str, Any]:
    """The schema of one type; structs are referred to, and appended to `met`."""
    match wanted:
        case StructType(cls=cls):
            met.append(wanted)
            return {"$ref": f"#/$defs/{cls.__name__}"}
        case DictType(value_type=value_type):
            return {"type": "object", "additionalProperties": _value(value_type, met)}
        case VarTupleType(item_type=item_type) | ListType(item_type=item_type):
            return {"type": "array", "items": _value(item_type, met)}
        case TupleType(item_types=item_types):
            size = len(item_types)
            items = [_value(item, met) for item in item_types]
            return {"type": "array", "prefixItems": items, "minItems": size, "maxItems": size}
        case UnionType(types=types):
            return {"anyOf": [_value(choice, met) for choice in types]}
        case LiteralType(values=values):
            return {"enum": sorted(values)}
        case IntType(ge=least, le=most):
            bounds = {"minimum": least, "maximum": most}
            return {"type": "integer"} | {name: bound for name, bound in bounds.items() if bound is not None}
        case FloatType(ge=lowest, le=highest):
            limits = {"minimum": lowest, "maximum": highest}
            return {"type": "number"} | {name: limit for name, limit in limits.items() if limit is not None}
        case StrType():
            return {"type": "string"}
        case BoolType():
            return {"type": "boolean"}
        case NoneType():
            return {"type": "null"}
        case Metadata(type=inner):
            return _value(inner, met)
        case RawType():
            return {}
        case CustomType(cls=cls):
            return dict(_CUSTOM[cls])
    raise TypeError(f"the model has a type that no schema is known for: {wanted}")


class _Docstrings:
    """What a struct's source says of it: of a string below an attribute, Python itself keeps nothing."""

    def __init__(self, struct: type) -> None:
        self.struct: Final = inspect.cleandoc(struct.__doc__ or "")
        self.members: Final[dict[str, str]] = {}
        try:
            (definition,) = ast.parse(textwrap.dedent(inspect.getsource(struct))).body
        except (OSError, TypeError):
            return
        assert isinstance(definition, ast.ClassDef)
        for member, following in zip(definition.body, definition.body[1:], strict=False):
            match member, following:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ):
                    self.members[name] = " ".join(text.split())
                case _:
                    pass
