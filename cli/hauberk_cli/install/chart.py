"""The Helm chart, written from the same objects that `hauberk install` applies: `python -m hauberk_cli.install.chart FOLDER`."""

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from hauberk_cli.install.objects.definitions import definitions
from hauberk_cli.install.objects.monitoring import MONITORING_FILES
from hauberk_cli.install.objects.naming import Part
from hauberk_cli.install.objects.parts import ALL_HELPERS, installed_parts
from hauberk_cli.install.values import Values, plain_values
from hauberk_cli.install.yaml_text import write_yaml
from hauberk_core.build_info import version
from hauberk_core.model.schema import struct_schema

OLDEST_KUBERNETES: Final = "1.28"
"""From here on namespaces have the label that the webhooks go by, and server-side apply is what it is today."""

_NOTE: Final = "# Written by `make chart` from hauberk_cli.install. Change that, then write it anew.\n"


def chart_files() -> dict[str, str]:
    """The text of every file, by its path in the chart; NOTES.txt is written by hand."""
    files = {
        "Chart.yaml": _NOTE + write_yaml(_chart()),
        "values.yaml": _NOTE + _written_values(),
        "values.schema.json": json.dumps(values_schema(), indent=2, ensure_ascii=False) + "\n",
        "templates/_helpers.tpl": "".join(
            [f'{{{{- define "{one.name}" -}}}}{one.template}{{{{- end }}}}\n' for one in ALL_HELPERS]
        ),
        "crds/definitions.yaml": _NOTE + "".join([f"---\n{write_yaml(manifest)}" for manifest in definitions()]),
    }
    files |= {file.name: file.text for file in MONITORING_FILES}
    for name, parts in installed_parts().items():
        files[f"templates/{name}.yaml"] = "".join([_template(part) for part in parts])
    return files


def values_schema() -> dict[str, Any]:
    """The schema of the values, as JSON values."""
    return struct_schema(Values, "Values of the chart hauberk")


def _chart() -> Mapping[str, object]:
    return {
        "apiVersion": "v2",
        "name": "hauberk",
        "description": "A service mesh and an ingress gateway in Python: the control service, and what it needs",
        "type": "application",
        "version": version(),
        "appVersion": version(),
        "kubeVersion": f">={OLDEST_KUBERNETES}.0-0",
        "keywords": ["service mesh", "ingress", "gateway"],
    }


def _template(part: Part) -> str:
    text = f"---\n{write_yaml(part.manifest)}"
    return text if part.condition is None else f"{{{{- if {part.condition.helm()} }}}}\n{text}{{{{- end }}}}\n"


def _written_values() -> str:
    """Every value with its default, below what it means."""
    definitions_: Mapping[str, Any] = values_schema()["$defs"]
    return "".join(_lines("Values", definitions_, plain_values(Values()), ""))


def _lines(struct: str, structs: Mapping[str, Any], plain: Mapping[str, object], space: str) -> Iterable[str]:
    for name, schema in structs[struct]["properties"].items():
        below = _struct_of(schema)
        meaning = schema.get("description") or (structs[below]["description"] if below else "")
        if meaning:
            yield f"{space}# {meaning}\n"
        if name not in plain:
            yield f"{space}# {name}:\n"
        elif below and plain[name]:
            yield f"{space}{name}:\n"
            yield from _lines(below, structs, _mapping(plain[name]), space + "  ")
        else:
            yield write_yaml({name: plain[name]}, len(space) // 2)


def _struct_of(schema: Mapping[str, Any]) -> str:
    return str(schema["$ref"]).rpartition("/")[2] if "$ref" in schema else ""


def _mapping(value: object) -> Mapping[str, object]:
    assert isinstance(value, Mapping)
    return value


def main() -> int:
    """Write the files that differ, and name them."""
    folder = Path(sys.argv[1])
    for name, text in chart_files().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
