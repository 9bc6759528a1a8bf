"""Grafana's dashboards as JSON values: rows of panels, put on the grid by their order."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

# Grafana 10 reads this form as it is, and newer ones bring it up to date.
_SCHEMA_VERSION: Final = 39
_COLUMNS: Final = 24
_PANEL_HEIGHT: Final = 8
_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
TAG: Final = "hauberk"


class Query(NamedTuple):
    """An expression of PromQL, and how its series are called: `{{label}}` is the label's value."""

    expression: str
    legend: str = ""


class Panel(NamedTuple):
    """A picture of some queries."""

    title: str
    queries: Sequence[Query]
    unit: str = "short"
    """Grafana's name of it: `reqps`, `ms`, `percentunit`, `Bps`."""
    kind: str = "timeseries"
    """Or `stat`: the latest value as a number."""
    meaning: str = ""


class Row(NamedTuple):
    """Panels side by side."""

    title: str
    panels: Sequence[Panel]


class Variable(NamedTuple):
    """What whoever looks may choose, with `All` among it."""

    name: str
    label: str
    values: str
    """A query: `label_values(metric, label)`."""


class Dashboard(NamedTuple):
    """A page."""

    name: str
    """Of its file, and in its address."""
    title: str
    variables: Sequence[Variable]
    rows: Sequence[Row]

    def json(self) -> Mapping[str, object]:
        """As Grafana imports it."""
        return {
            "uid": f"hauberk-{self.name}",
            "title": self.title,
            "tags": [TAG],
            "schemaVersion": _SCHEMA_VERSION,
            "editable": True,
            "refresh": "30s",
            "time": {"from": "now-1h", "to": "now"},
            "templating": {"list": [_data_source(), *[_choice(variable) for variable in self.variables]]},
            "links": [{"type": "dashboards", "title": "hauberk", "tags": [TAG], "asDropdown": True, "keepTime": True}],
            "panels": _panels(self.rows),
        }


def _data_source() -> Mapping[str, object]:
    return {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}


def _choice(variable: Variable) -> Mapping[str, object]:
    return {
        "name": variable.name,
        "label": variable.label,
        "type": "query",
        "datasource": _SOURCE,
        "query": {"query": variable.values, "refId": variable.name},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
    }


def _panels(rows: Sequence[Row]) -> list[Mapping[str, object]]:
    made: list[Mapping[str, object]] = []
    down = 0
    for row in rows:
        made.append(
            {
                "id": len(made) + 1,
                "type": "row",
                "title": row.title,
                "collapsed": False,
                "panels": [],
                "gridPos": {"x": 0, "y": down, "w": _COLUMNS, "h": 1},
            }
        )
        down += 1
        width = _COLUMNS // len(row.panels)
        for position, panel in enumerate(row.panels):
            place = {"x": position * width, "y": down, "w": width, "h": _PANEL_HEIGHT}
            made.append({"id": len(made) + 1, **_panel(panel), "gridPos": place})
        down += _PANEL_HEIGHT
    return made


def _panel(panel: Panel) -> Mapping[str, object]:
    targets = [
        {"refId": chr(ord("A") + at), "datasource": _SOURCE, "expr": query.expression, "legendFormat": query.legend or "__auto"}
        for at, query in enumerate(panel.queries)
    ]
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.meaning,
        "datasource": _SOURCE,
        "targets": targets,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
    }
