"""The picture of a run: a panel of horizontal bars for each scenario, readable on light and on dark pages."""

import math
from html import escape
from typing import Final

from bench.bars import COMPILED, ENVOY, NGINX, PLAIN
from bench.figures import Measure, Results
from bench.scenarios import INSPECTIONS, LOADS
from bench.statistics import ratio

_WIDTH: Final = 960
_GAP: Final = 24
_PANEL_WIDTH: Final = (_WIDTH - 3 * _GAP) // 2
_HEAD_HEIGHT: Final = 72
_TITLE_HEIGHT: Final = 52
_ROW_HEIGHT: Final = 26
_BAR_HEIGHT: Final = 16
_NAME_WIDTH: Final = 124
_VALUE_WIDTH: Final = 136

# Chosen to keep apart for people who see few colours, and to stand out on white and on near-black alike.
_COLOURS: Final = {COMPILED: "#0d9373", PLAIN: "#4fb89b", ENVOY: "#b5559a", NGINX: "#5b8bd0", "haproxy": "#d08a3c"}
_OTHER_COLOUR: Final = "#8a8f98"
_STYLE: Final = """
    text { font-family: system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; fill: #1f2328; }
    .page { fill: #ffffff; } .panel { fill: #f6f8fa; stroke: #d1d9e0; }
    .heading { font-size: 20px; font-weight: 600; } .title { font-size: 14px; font-weight: 600; }
    .quiet { font-size: 12px; fill: #59636e; } .name, .value { font-size: 13px; } .value { font-variant-numeric: tabular-nums; }
    .ours { font-weight: 600; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3; } .page { fill: #0d1117; } .panel { fill: #151b23; stroke: #3d444d; } .quiet { fill: #9198a1; }
    }
"""


def picture(results: Results) -> str:
    """An SVG document with a panel for every scenario that was measured; shorter bars are better."""
    panels: list[tuple[str, str, Measure]] = []
    for scenario in (*LOADS, *INSPECTIONS):
        if results.contestants(scenario.name):
            panels.append((scenario.name, scenario.title, scenario.compared))
    body: list[str] = []
    bottoms = [_HEAD_HEIGHT, _HEAD_HEIGHT]
    for scenario_name, title, measure in panels:
        column = 0 if bottoms[0] <= bottoms[1] else 1
        left = _GAP + column * (_PANEL_WIDTH + _GAP)
        drawn, height = _panel(results, scenario_name, title, measure, left, bottoms[column])
        body.append(drawn)
        bottoms[column] += height + _GAP
    height = max(bottoms) + (_GAP if not panels else 0)
    circumstances = f"One core each, medians, {results.started[:10]}, {results.facts.get('CPU', '')}"
    subtitle = escape(f"Shorter is better; in brackets the ratio to Envoy. {circumstances}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="Cost of each proxy in each scenario">\n  <style>{_STYLE}  </style>\n'
        f'  <rect class="page" width="{_WIDTH}" height="{height}" rx="8"/>\n'
        f'  <text class="heading" x="{_GAP}" y="36">The same proxy, side by side</text>\n'
        f'  <text class="quiet" x="{_GAP}" y="57">{subtitle}</text>\n' + "".join(body) + "</svg>\n"
    )


def _panel(results: Results, scenario: str, title: str, measure: Measure, left: int, top: int) -> tuple[str, int]:
    names = results.contestants(scenario)
    values = [results.median(scenario, name, measure.key) for name in names]
    greatest = max((value for value in values if not math.isnan(value)), default=0.0)
    reference = results.median(scenario, ENVOY, measure.key)
    height = _TITLE_HEIGHT + len(names) * _ROW_HEIGHT + 12
    lines = [
        f'<rect class="panel" x="{left}" y="{top}" width="{_PANEL_WIDTH}" height="{height}" rx="6"/>',
        f'<text class="title" x="{left + 14}" y="{top + 21}">{escape(title)}</text>',
        f'<text class="quiet" x="{left + 14}" y="{top + 38}">{escape(measure.title)}, {escape(measure.unit)}</text>',
    ]
    room = _PANEL_WIDTH - 28 - _NAME_WIDTH - _VALUE_WIDTH
    for index, (name, value) in enumerate(zip(names, values, strict=True)):
        y = top + _TITLE_HEIGHT + index * _ROW_HEIGHT
        weight = " ours" if name in (COMPILED, PLAIN) else ""
        shortened = name if len(name) <= 18 else name[:17] + "…"
        lines.append(f'<text class="name{weight}" x="{left + 14}" y="{y + 13}">{escape(shortened)}</text>')
        if math.isnan(value):
            continue
        length = max(2.0, room * value / greatest) if greatest > 0 else 2.0
        bar_left = left + 14 + _NAME_WIDTH
        colour = _COLOURS.get(name, _OTHER_COLOUR)
        lines.append(f'<rect x="{bar_left}" y="{y}" width="{length:.1f}" height="{_BAR_HEIGHT}" rx="3" fill="{colour}"/>')
        label = f"{value:,.{measure.digits}f}"
        relation = ratio(value, reference)
        if name != ENVOY and not math.isnan(relation):
            label += f"  ({relation:.2f} x)"
        lines.append(f'<text class="value{weight}" x="{bar_left + length + 7:.1f}" y="{y + 13}">{escape(label)}</text>')
    return "".join(f"  {line}\n" for line in lines), height
