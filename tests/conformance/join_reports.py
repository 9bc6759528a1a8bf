"""Joins the reports of the suite that are named, one for each profile, into one with all their profiles, and writes it."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml


def joined(reports: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One report. Args: reports - of runs of the same implementation on the same cluster."""
    return {**reports[-1], "profiles": [profile for report in reports for profile in report["profiles"]]}


if __name__ == "__main__":
    yaml.safe_dump(joined([yaml.safe_load(Path(name).read_text()) for name in sys.argv[1:]]), sys.stdout, sort_keys=True)
