"""The chart in the repository is what the code writes; that Helm makes the same of it is tested on a cluster."""

import json
from pathlib import Path

from hauberk_cli.install.chart import chart_files, values_schema
from hauberk_cli.install.values import Values
from hauberk_core.resources.one_document import read_one_document

CHART = Path("deploy", "charts", "hauberk")


def test_the_chart_is_as_the_code_writes_it(repository: Path) -> None:
    written = {name: (repository / CHART / name).read_text() for name in chart_files()}
    assert written == chart_files(), "run `make chart`"
    files = {path.relative_to(repository / CHART).as_posix() for path in (repository / CHART).rglob("*") if path.is_file()}
    assert files == {*chart_files(), "templates/NOTES.txt"}


def test_the_values_are_those_of_the_code() -> None:
    plain = read_one_document(chart_files()["values.yaml"].encode(), "values.yaml")
    import msgspec

    assert msgspec.convert(plain, Values) == Values()


def test_every_value_that_is_not_plain_has_its_meaning() -> None:
    schema = values_schema()
    assert json.loads(chart_files()["values.schema.json"]) == schema
    for name in ("Values", "ImageValues", "WebhookValues"):
        assert schema["$defs"][name]["description"]
    assert "description" in schema["$defs"]["Values"]["properties"]["revision"]
