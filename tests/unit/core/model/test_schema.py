"""The published schema is the model's, and says of documents what the decoder says."""

import json
from pathlib import Path

import msgspec

from hauberk_core.model.schema import encode_schema, snapshot_schema

PUBLISHED = Path(__file__).parents[4] / "docs" / "reference" / "snapshot.schema.json"


def test_the_published_schema_is_current() -> None:
    assert PUBLISHED.read_bytes() == encode_schema(), "write it anew: hauberk config schema > docs/reference/snapshot.schema.json"


def test_every_reference_leads_to_a_definition() -> None:
    schema = snapshot_schema()
    waiting: list[object] = [schema]
    references: set[str] = set()
    while waiting:
        match waiting.pop():
            case dict() as members:
                references |= {str(value) for name, value in members.items() if name == "$ref"}
                waiting.extend(members.values())
            case list() as items:
                waiting.extend(items)
            case _:
                pass
    assert references == {f"#/$defs/{name}" for name in schema["$defs"]}


def test_members_carry_type_bounds_default_and_description() -> None:
    cluster = snapshot_schema()["$defs"]["Cluster"]
    assert cluster["description"] == "Endpoints, and how to choose, reach and reuse them."
    assert cluster["additionalProperties"] is False
    attempts = cluster["properties"]["connect_attempts"]
    assert attempts["type"] == "integer"
    assert (attempts["minimum"], attempts["maximum"], attempts["default"]) == (1, 10, 3)
    assert attempts["description"].startswith("Endpoints tried for one request")
    assert cluster["properties"]["idle_timeout"]["default"] == "60s"
    assert snapshot_schema()["$defs"]["Listener"]["required"] == ["address"]


def test_every_definition_is_described() -> None:
    for name, definition in snapshot_schema()["$defs"].items():
        assert definition["description"], name


def test_it_is_plain_json() -> None:
    assert msgspec.json.decode(encode_schema()) == json.loads(encode_schema())
