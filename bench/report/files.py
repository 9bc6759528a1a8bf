"""Where results are kept: a page, a picture and the raw rounds for each run, and a copy of the newest page."""

import dataclasses
import json
import math
from pathlib import Path

from bench.figures import Results
from bench.report.markdown import page
from bench.report.svg import picture


def write(results: Results, folder: Path) -> Path:
    """Write everything; returns the page. A second run on the same day replaces the first."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = results.started[:10]
    (folder / f"{stem}.svg").write_text(picture(results), encoding="utf-8")
    (folder / f"{stem}.json").write_text(raw(results), encoding="utf-8")
    text = page(results, f"{stem}.svg")
    file = folder / f"{stem}.md"
    for target in (file, folder / "latest.md"):
        target.write_text(text, encoding="utf-8")
    return file


def raw(results: Results) -> str:
    """Every round as JSON, one a line; null where something could not be measured."""
    fields = dataclasses.asdict(results)
    rounds: list[str] = []
    for round_ in fields.pop("rounds"):
        values = {key: None if math.isnan(value) else round(value, 6) for key, value in round_["values"].items()}
        rounds.append(json.dumps({**round_, "values": values}))
    head = json.dumps(fields, indent=1, ensure_ascii=False)
    return head.removesuffix("\n}") + ',\n "rounds": [\n  ' + ",\n  ".join(rounds) + "\n ]\n}\n"
