"""`hauberk inject`."""

import io
from pathlib import Path

import pytest
import yaml

from hauberk_cli.main import main

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: reviews
spec:
  template:
    spec:
      containers:
      - name: reviews
        image: example.com/reviews:1
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "reviews.yaml"
    path.write_text(DEPLOYMENT)
    return path


def test_a_file(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inject", "-f", str(file)]) == 0
    shown = capsys.readouterr()
    spec = yaml.safe_load(shown.out)["spec"]["template"]["spec"]
    assert [each["name"] for each in spec["initContainers"]] == ["hauberk-init", "hauberk-proxy"]
    assert shown.err == "deployment/reviews: injected\n"
    assert main(["inject", "-f", str(file)]) == 0
    assert capsys.readouterr().out == shown.out


def test_standard_input_and_a_second_file(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Input:
        buffer = io.BytesIO(b"kind: Service\nmetadata: {name: reviews}")

    monkeypatch.setattr("sys.stdin", Input)
    assert main(["inject", "-f", "-", "-f", str(file)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("kind: Service\nmetadata: {name: reviews}\n---\napiVersion: apps/v1\n")
    assert len(list(yaml.safe_load_all(out))) == 2


def test_settings_and_an_older_cluster(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text("image: example.com/proxy:7\ninject: {capture: cni}\n")
    assert main(["inject", "-f", str(file), "--settings", str(settings), "--no-native-sidecars"]) == 0
    spec = yaml.safe_load(capsys.readouterr().out)["spec"]["template"]["spec"]
    assert "initContainers" not in spec
    assert spec["containers"][0]["image"] == "example.com/proxy:7"


def test_wrong_annotations_print_nothing(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = 'template:\n    metadata: {annotations: {hauberk.dev/proxy-cpu: "lots"}}'
    file.write_text(DEPLOYMENT.replace("template:", wrong))
    assert main(["inject", "-f", str(file)]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert f"error: {file}:7:53: spec.template.metadata.annotations['hauberk.dev/proxy-cpu']: 'lots' is no amount" in shown.err


def test_settings_that_are_wrong(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text("imagee: x\n")
    assert main(["inject", "-f", str(file), "--settings", str(settings)]) == 3
    assert "imagee" in capsys.readouterr().err


def test_a_file_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inject", "-f", str(tmp_path / "none.yaml")]) == 3
    assert "No such file" in capsys.readouterr().err


def test_what_stays_as_it_is_says_why(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inject", "-f", str(file), "-n", "kube-system"]) == 0
    shown = capsys.readouterr()
    assert shown.out == DEPLOYMENT
    assert shown.err == "deployment/reviews: not injected: pods of the namespace kube-system are never injected\n"
