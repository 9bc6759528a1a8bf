import json
import math
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bench import figures
from bench.bars import BARS, COMPILED, ENVOY, NGINX, PLAIN, judge
from bench.figures import Results, Round
from bench.process import BenchError
from bench.report import files
from bench.report.markdown import bars_table, format_figure, inspection_table, load_table, page, table
from bench.report.svg import picture
from bench.scenarios import INSPECTIONS, LOADS, MEMORY, NAMES, SIDECAR, chosen

_HTTP_32 = next(scenario for scenario in LOADS if scenario.name == "http-32")


def _results(cpu: dict[str, list[float]], **more: float) -> Results:
    results = Results("2026-01-02T03:04:05+0000", {"CPU": "A & B <C>"}, dict.fromkeys(cpu, "1.0"))
    for name, values in cpu.items():
        for number, value in enumerate(values):
            measured = {figures.CPU.key: value, figures.RATE.key: 1e6 / value, figures.LOG_BYTES: 250.0, **more}
            results.rounds.append(Round("http-32", name, number, measured))
    return results


def test_tables_escape_and_align() -> None:
    assert table(["a", "b"], [["x|y", "1"]]) == "| a | b |\n|---|---:|\n| x\\|y | 1 |"
    with pytest.raises(ValueError, match="1 cells"):
        table(["a", "b"], [["x"]])
    assert format_figure(12345.678, 1) == "12,345.7"
    assert format_figure(math.nan, 1) == "-"


def test_a_row_has_medians_spread_and_ratios() -> None:
    results = _results({COMPILED: [30.0, 20.0, 22.0], ENVOY: [44.0, 40.0, 60.0], NGINX: [11.0]})
    row = load_table(results, _HTTP_32).splitlines()[2]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells == [COMPILED, "45,455", "22.0", "-", "-", "-", "-", "45%", "0.50", "2.00", "-"]


def test_bars_compare_medians_of_the_same_scenario() -> None:
    results = _results({COMPILED: [22.0], PLAIN: [46.1], ENVOY: [40.0], NGINX: [13.0]})
    verdicts = {(bar.title): judge(bar, results).passed for bar in BARS}
    assert verdicts["compiled, CPU a request at most 1/1.7 of Envoy's"] is True
    assert verdicts["compiled, CPU a request at most 1/2 of Envoy's"] is False
    assert verdicts["compiled, CPU a request within 1.6 x nginx's"] is False
    assert verdicts["plain, CPU a request at most 1.15 x Envoy's"] is False
    assert verdicts["compiled, worker's PSS at rest at most 0.45 x Envoy's"] is None
    text = bars_table(results)
    assert "| 22.0 / 40.0 µs | 0.55 | 0.59 | pass |" in text
    assert "| 46.1 / 40.0 µs | 1.15 | 1.15 | **missed** |" in text


def test_a_bar_without_reference_is_absolute() -> None:
    results = Results("2026-01-02", {}, {COMPILED: "1"})
    results.rounds.append(Round(MEMORY, COMPILED, 0, {figures.TOTAL_PSS.key: 61.0, figures.IDLE_CONNECTION.key: 1.9}))
    passed = {bar.measure.key: judge(bar, results).passed for bar in BARS if bar.reference is None and bar.scenario == MEMORY}
    assert passed == {figures.TOTAL_PSS.key: False, figures.IDLE_CONNECTION.key: True}


def test_a_sidecar_is_compared_with_nobody() -> None:
    results = Results("2026-01-02", {}, {COMPILED: "1", ENVOY: "1"})
    for number, pss in enumerate((62.0, 64.0)):
        results.rounds.append(Round(SIDECAR, COMPILED, number, {figures.TOTAL_PSS.key: pss}))
    (inspection,) = (known for known in INSPECTIONS if known.name == SIDECAR)
    text = inspection_table(results, inspection)
    assert "to Envoy" not in text
    assert f"| {COMPILED} | 63.0 |" in text
    verdicts = [judge(bar, results) for bar in BARS if bar.scenario == SIDECAR]
    assert [(verdict.bar.limit, verdict.passed) for verdict in verdicts] == [(70.0, True), (60.0, False)]


def test_every_bar_names_something_that_is_measured() -> None:
    for bar in BARS:
        assert bar.scenario in NAMES
        (scenario,) = (scenario for scenario in (*LOADS, *INSPECTIONS) if scenario.name == bar.scenario)
        assert bar.measure in scenario.shown


def test_the_page_tells_what_spoils_the_figures() -> None:
    results = _results({ENVOY: [40.0, 41.0]}, **{figures.FOREIGN: 0.2, figures.ERRORS: 3.0, figures.LOG_BYTES: 0.0})
    results.skipped[COMPILED] = "no\nwheel"
    text = page(results, "x.svg")
    assert "in 2 of 2 rounds something else used these cores" in text
    assert "**envoy failed 6 requests.**" in text
    assert "**envoy keeps no comparable access log.**" in text
    assert f"- {COMPILED}: no wheel" in text
    assert "](x.svg)" in text


def test_a_verdict_of_a_noisy_run_says_so() -> None:
    figures_of_both = {COMPILED: [20.0, 20.0], ENVOY: [40.0, 40.0]}
    assert "pass, but noisy: repeat it |" in bars_table(_results(figures_of_both, **{figures.FOREIGN: 0.3}))
    assert "noisy" not in bars_table(_results(figures_of_both, **{figures.FOREIGN: 0.01}))


def test_a_quiet_run_has_no_remarks() -> None:
    text = page(_results({ENVOY: [40.0]}), "x.svg")
    assert "Noisy" not in text
    assert "failed" not in text


def test_the_picture_is_a_document_whose_bars_are_to_scale() -> None:
    document = ET.fromstring(picture(_results({"a <&> name that is far too long": [20.0], ENVOY: [40.0], NGINX: [10.0]})))
    space = "{http://www.w3.org/2000/svg}"
    widths = [float(bar.get("width", "0")) for bar in document.iter(f"{space}rect") if bar.get("fill")]
    assert widths[0] == pytest.approx(widths[1] / 2, abs=0.1)
    assert widths[2] == pytest.approx(widths[1] / 4, abs=0.1)
    words = [text.text or "" for text in document.iter(f"{space}text")]
    assert "20.0  (0.50 x)" in words
    assert "40.0" in words
    assert any(word.startswith("a <&> name") and word.endswith("…") for word in words)
    assert "prefers-color-scheme: dark" in (document.findtext(f"{space}style") or "")


def test_nothing_in_the_picture_leaves_it() -> None:
    results = Results("2026-01-02", {}, {COMPILED: "1", ENVOY: "1"})
    for scenario in LOADS:
        for name in results.versions:
            results.rounds.append(Round(scenario.name, name, 0, {scenario.compared.key: 123456.0}))
    document = ET.fromstring(picture(results))
    width, height = float(document.get("width", "0")), float(document.get("height", "0"))
    for element in document.iter():
        if "x" in element.attrib:
            assert float(element.attrib["x"]) + float(element.get("width", "0")) <= width
            assert float(element.attrib["y"]) + float(element.get("height", "0")) <= height


def test_a_picture_of_nothing_is_still_one() -> None:
    assert ET.fromstring(picture(Results("2026-01-02", {}, {}))).tag.endswith("svg")


def test_files_hold_page_picture_and_rounds(tmp_path: Path) -> None:
    results = _results({ENVOY: [40.0, 42.0], NGINX: [math.nan]})
    written = files.write(results, tmp_path / "results")
    assert written.name == "2026-01-02.md"
    assert (written.parent / "latest.md").read_text() == written.read_text()
    pictured = re.search(r"\]\(([^)]+\.svg)\)", written.read_text())
    assert pictured is not None
    assert (written.parent / pictured[1]).exists()
    raw = json.loads((written.parent / "2026-01-02.json").read_text())
    assert [round_["values"]["cpu_us"] for round_ in raw["rounds"]] == [40.0, 42.0, None]
    assert raw["versions"] == results.versions


def test_scenarios_are_chosen_by_pattern_in_their_own_order() -> None:
    assert chosen([]) == list(NAMES)
    assert chosen(["memory", "http-*"]) == ["http-1", "http-32", "http-256", "memory"]
    with pytest.raises(BenchError, match="http-32"):
        chosen(["http-33"])


def test_noise_is_other_peoples_and_the_hypervisors() -> None:
    assert Round("s", "c", 0, {figures.FOREIGN: 0.03, figures.STOLEN: 0.03}).noisy
    assert not Round("s", "c", 0, {figures.FOREIGN: 0.04}).noisy
