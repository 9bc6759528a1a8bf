"""`hauberk proxies`, asked of a control that knows little."""

import json
from pathlib import Path

import pytest
from fake_control import FakeControl, proxy_row, serving

from hauberk_cli.exit_codes import CHECK_FAILED, OK
from hauberk_cli.main import main
from hauberk_control.local.messages import Proxies, ProxyRow, RefusalRow

HEADINGS = ["PROXY", "ROLE", "PROGRAM", "VERSION", "LATEST", "IN-FORCE", "CONNECTED", "REFUSED", "IDENTITY"]


def refusal(reason: str, *, settled: bool = False) -> RefusalRow:
    return RefusalRow(version="bad1", reason=reason, seconds_ago=190.0, settled=settled)


@pytest.fixture
def mesh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of resources, which is also where we are."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def proxies(mesh: Path, *rows: ProxyRow, form: str = "text") -> int:
    with serving(mesh, FakeControl(proxies=Proxies(proxies=list(rows)))):
        return main(["proxies", "-o", form])


def test_proxies_are_told_with_what_they_run_and_how_far_they_are(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    behind = proxy_row("reviews", current=False, behind_seconds=4.4, in_force_seconds=90000.0)
    fresh = proxy_row("web", namespace="shop", version="", in_force_seconds=None, program="", current=False)
    gateway = proxy_row("default/front", role="gateway")
    assert proxies(mesh, gateway, proxy_row("details"), behind, fresh) == OK
    shown = capsys.readouterr()
    head, front, details, reviews, web = shown.out.splitlines()
    assert head.split() == HEADINGS
    assert front.split()[:2] == ["default/front", "gateway"]
    identity = "spiffe://cluster.local/ns/default/sa/details"
    words = ["default/details", "sidecar", "hauberk", "0.1.0", "abc123", "yes", "7", "s", "12", "s", "never", identity]
    assert details.split() == words
    assert "behind for 4 s" in reviews
    assert " 1 d " in reviews
    assert web.split()[:4] == ["shop/web", "sidecar", "-", "none"]
    assert shown.err == ""


def test_plugins_are_told_with_their_versions(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = proxy_row("details", plugins={"waf": "1.4", "canary": "0.1.0", "odd": ""})
    with serving(mesh, FakeControl(proxies=Proxies(proxies=[row, proxy_row("web")]))):
        assert main(["proxies", "--plugins"]) == OK
    told = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert told[0] == ["PROXY", "ROLE", "PLUGIN", "VERSION"]
    assert told[1:] == [["default/details", "sidecar", *words] for words in (["canary", "0.1.0"], ["odd", "-"], ["waf", "1.4"])]


def test_a_proxy_that_refused_is_told_and_exits_with_1(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = proxy_row("details", current=False, last_refusal=refusal("no such plugin: waf\n\x1b[2Jnor lua"))
    assert proxies(mesh, row) == CHECK_FAILED
    shown = capsys.readouterr()
    assert shown.err == "default/details refused version bad1 3 m ago: no such plugin: waf\n\N{REPLACEMENT CHARACTER}[2Jnor lua\n"
    assert " 3 m ago " in shown.out
    assert proxies(mesh, row, form="json") == CHECK_FAILED
    told = json.loads(capsys.readouterr().out)["proxies"][0]["last_refusal"]
    assert (told["version"], told["seconds_ago"], told["settled"]) == ("bad1", 190.0, False)


def test_a_refusal_that_is_settled_is_told_and_no_fault(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert proxies(mesh, proxy_row("details", last_refusal=refusal("port 80 is taken", settled=True))) == OK
    shown = capsys.readouterr()
    assert shown.out.endswith("default/details refused version bad1 3 m ago, settled: port 80 is taken\n")
    assert shown.err == ""


def test_no_proxies_is_no_fault(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert proxies(mesh) == OK
    assert capsys.readouterr().out.split() == HEADINGS
