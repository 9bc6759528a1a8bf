"""Which options of `hauberk proxy` go together."""

from pathlib import Path

import pytest

from hauberk_cli.main import main


@pytest.fixture
def pem(tmp_path: Path) -> str:
    file = tmp_path / "some.pem"
    file.write_text("not looked at")
    return str(file)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--from :8080", "--to is missing"),
        ("--to :9000", "--from is missing"),
        ("--from 8080 --to :9000", "write ':8080' for this port"),
        ("--from ftp://:21 --to :9000", "the scheme 'ftp' is not served; write http or https"),
        ("--from :8080 --to http://a.test/shop", "write only 'a.test'"),
        ("--from :8080 --to :9000 --to https://:9001", "every --to the same scheme"),
        ("--from :8080 --to :8080", "round in circles"),
        ("--from :8080 --to localhost:8080", "round in circles"),
        ("--from :8080 --to :0", "port 0 cannot be connected to"),
        ("--from :8080 --to :9000 --insecure", "--insecure is for https; write --to https://"),
        ("--from :8080 --to :9000 --cacert PEM", "--cacert is for https"),
        ("--from :8080 --to https://:9000 --cacert PEM --insecure", "leave out one of them"),
        ("--from https://:8080 --to :9000 --cert PEM", "--cert and --key belong together"),
        ("--from :8080 --to :9000 --cert PEM --key PEM", "write --from https://:8080"),
        ("--from https://:8080 --to :9000 --cert /does/not/exist --key PEM", "does not exist"),
        ("--from :8080 --to :9000 --access-log off --access-log-file x", "--access-log-file has no use"),
        ("--from :8080 --to :9000 --access-log xml", "'json'"),
        ("--from :8080 --to :9000 --workers 0", "1<=x<=256"),
        ("--from :8080 --to :9000 --admin 15000", "write ':15000'"),
        ("--config x.json --from :8080 --insecure", "leave out --from, --insecure, or leave out --config"),
        ("--form :8080", "--from"),
    ],
)
def test_what_does_not_go_together_is_refused_with_advice(
    line: str, message: str, pem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["proxy", *line.replace("PEM", pem).split()]) == 2
    shown = capsys.readouterr().err
    assert message in shown
    assert shown.endswith(" next: hauberk proxy --help\n")


def test_a_configuration_that_does_not_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["proxy", "--config", "nowhere.json"]) == 3
    shown = capsys.readouterr().err
    assert "error: the configuration nowhere.json does not exist" in shown
    assert " next: " in shown


def test_without_options_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["proxy"]) == 2
    assert "hauberk proxy --from :8080 --to :9000" in capsys.readouterr().err
