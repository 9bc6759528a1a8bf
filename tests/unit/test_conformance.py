"""What is claimed of Gateway API is what the suite was run for, and passed."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

CORE = {"GRPCRoute", "Gateway", "HTTPRoute", "Mesh", "ReferenceGrant", "TCPRoute", "TLSRoute", "UDPRoute"}
"""A profile implies them; reports list the others."""


def run(script: Path, *arguments: str) -> str:
    return subprocess.run([sys.executable, str(script), *arguments], check=True, capture_output=True, text=True).stdout


def claimed(repository: Path, profile: str) -> set[str]:
    return set(run(repository / "tests/conformance/features.py", profile).split(","))


PROFILES = ["GATEWAY-GRPC", "GATEWAY-HTTP", "GATEWAY-TCP", "GATEWAY-TLS", "GATEWAY-UDP", "MESH-GRPC", "MESH-HTTP"]


@pytest.mark.parametrize("profile", PROFILES)
def test_the_report_has_every_claimed_feature_and_no_failure(repository: Path, profile: str) -> None:
    report = yaml.safe_load((repository / "tests/conformance/report.yaml").read_text())
    (found,) = [one for one in report["profiles"] if one["name"] == profile]
    # A profile without extended features has no rows for them.
    extended = found.get("extended", {"result": "success", "supportedFeatures": []})
    assert found["core"]["result"] == extended["result"] == "success"
    listed = claimed(repository, profile) - CORE
    if profile.startswith("MESH-"):
        # Routes' features have no rows of their own in the mesh's report.
        listed = {feature for feature in listed if feature.startswith("Mesh")}
    if profile.endswith("-GRPC"):
        # Nor in those of gRPC; the mesh's own features are tested with HTTPRoutes alone.
        listed = set()
    assert set(extended["supportedFeatures"]) == listed


def test_reports_are_joined(repository: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        report = {"kind": "ConformanceReport", "date": f"day {name}", "profiles": [{"name": name}]}
        (tmp_path / name).write_text(yaml.safe_dump(report))
    joined = yaml.safe_load(run(repository / "tests/conformance/join_reports.py", str(tmp_path / "a"), str(tmp_path / "b")))
    assert joined == {"kind": "ConformanceReport", "date": "day b", "profiles": [{"name": "a"}, {"name": "b"}]}
