"""Every expression of a dashboard or an alert is PromQL about what control and proxies show, by labels that it has there."""

import re
from collections.abc import Iterator
from typing import Any

import exported_metrics
import promql_parser
import pytest
import trio

from hauberk_cli.install.monitoring.alerts import ALERTS
from hauberk_cli.install.monitoring.dashboards import DASHBOARDS

# What Grafana puts in the place of its variables.
VARIABLES = {"$__rate_interval": "5m"}
LEGEND = re.compile(r"{{\s*(\w+)\s*}}")
IN_TEXT = re.compile(r"\$labels\.(\w+)")
EXPRESSIONS = {
    **{
        f"{page.name}/{row.title}/{panel.title}/{at}": (query.expression, tuple(LEGEND.findall(query.legend)))
        for page in DASHBOARDS
        for row in page.rows
        for panel in row.panels
        for at, query in enumerate(panel.queries)
    },
    **{alert.name: (alert.expression, tuple(IN_TEXT.findall(alert.summary + alert.action))) for alert in ALERTS},
}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, frozenset[str]]:
    return trio.run(exported_metrics.exported, tmp_path_factory.mktemp("authority"))


def parsed(expression: str) -> Any:
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    return promql_parser.parse(expression)


def nodes(node: Any) -> Iterator[Any]:
    """An expression and all within it."""
    yield node
    for name in ("expr", "lhs", "rhs", "param", "vector_selector"):
        below = getattr(node, name, None)
        if below is not None:
            yield from nodes(below)
    for argument in getattr(node, "args", None) or ():
        yield from nodes(argument)


def faults(expression: str, known: dict[str, frozenset[str]], shown: tuple[str, ...] = ()) -> list[str]:
    """What an expression asks for, and nobody shows. Args: shown - labels that its series are called by."""
    everything = list(nodes(parsed(expression)))
    selectors = [(str(node.name), node.matchers) for node in everything if isinstance(node, promql_parser.VectorSelector)]
    found = [f"metric {metric}" for metric, _ in selectors if metric not in known]
    for metric, matchers in selectors:
        labels = known.get(metric, frozenset()) | exported_metrics.TARGET_LABELS
        found += [f"label {match.name} of {metric}" for match in matchers.matchers if match.name not in labels]
    common = frozenset.intersection(*[known.get(metric, frozenset()) for metric, _ in selectors])
    for node in everything:
        if isinstance(node, promql_parser.AggregateExpr):
            grouped = tuple(node.modifier.labels) if node.modifier is not None else ()
            found += [f"label {name} to group by" for name in grouped if name not in common | exported_metrics.TARGET_LABELS]
            found += [f"label {name} to be shown" for name in shown if name not in grouped]
    return found


def test_expressions_ask_for_what_is_shown(exported: dict[str, frozenset[str]]) -> None:
    found = {name: faults(expression, exported, shown) for name, (expression, shown) in EXPRESSIONS.items()}
    assert len(found) > 100
    assert {name: said for name, said in found.items() if said} == {}


@pytest.mark.parametrize("page", DASHBOARDS, ids=lambda page: page.name)
def test_variables_are_chosen_from_what_is_shown(page: Any, exported: dict[str, frozenset[str]]) -> None:
    for variable in page.variables:
        metric, _, label = variable.values.removeprefix("label_values(").removesuffix(")").rpartition(", ")
        (selector,) = nodes(parsed(metric))
        assert label in exported[selector.name]
        assert faults(metric, exported) == []
    used = {
        name
        for row in page.rows
        for panel in row.panels
        for query in panel.queries
        for name in re.findall(r"\$([a-z]+)", query.expression)
    }
    assert used == {variable.name for variable in page.variables}


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("sum(envoy_nothing)", ["metric envoy_nothing"]),
        ('rate(istio_requests_total{code="1"}[$__rate_interval])', ["label code of istio_requests_total"]),
        ("sum by (listener) (hauberk_control_proxies)", ["label listener to group by"]),
        (
            "sum by (role) (hauberk_control_proxies) / sum by (state) (hauberk_control_leading)",
            ["label role to group by", "label state to group by"],
        ),
    ],
)
def test_a_wrong_one_would_be_noticed(expression: str, said: list[str], exported: dict[str, frozenset[str]]) -> None:
    assert faults(expression, exported) == said


def test_what_is_no_expression_would_be_noticed() -> None:
    with pytest.raises(ValueError, match="unclosed left parenthesis"):
        parsed("sum by (")
