"""Commands that plugins bring, and the list of plugins."""

import json
from collections.abc import Callable
from typing import Any

import click
import pytest
from plugin_fixtures import GivenEntry, half

from hauberk_cli.lazy_group import LazyCommand
from hauberk_cli.main import main
from hauberk_cli.plugin.group import ExtensibleGroup
from hauberk_core.plugin.control import Command, hookimpl
from hauberk_core.plugin.data import hookimpl as data_hookimpl

OWN = {"version": LazyCommand("hauberk_cli.version", "version", "Tell what is installed.")}


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, dict[str, Any]], None]:
    """Makes plugins look installed."""

    def pretend(group: str, halves: dict[str, Any]) -> None:
        entries = [GivenEntry(name, given) for name, given in halves.items()]
        for module in ("hauberk_cli.plugin.group", "hauberk_core.plugin.host"):
            monkeypatch.setattr(f"{module}.find_entry_points", lambda asked: entries if asked == group else [])

    return pretend


def _commands(*commands: Command) -> Any:
    return half("1", hookimpl, hauberk_commands=lambda: list(commands))


def test_a_plugin_s_command_is_found_shown_and_run(
    install: Callable[[str, dict[str, Any]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    quota = Command(name="quota", module="hauberk_cli.version", attribute="version", help="Show who has used what.")
    taken = Command(name="version", module="nowhere", attribute="nothing", help="Never shown.")
    install("hauberk.control", {"it": _commands(quota, taken), "broken": half("1", hookimpl, hauberk_commands=lambda: 7)})
    group = ExtensibleGroup("hauberk", lazy_commands=OWN)
    group.main(["quota", "-o", "json"], standalone_mode=False)
    told = capsys.readouterr()
    assert set(json.loads(told.out)) == {"version", "build", "python", "platform"}
    assert "a plugin's command 'version' is left out: the name is taken" in told.err
    assert "plugin broken: hauberk_commands failed" in told.err
    assert "quota    Show who has used what." in group.get_help(click.Context(group))


def test_our_own_commands_look_for_no_plugin(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(group: str) -> Any:
        raise AssertionError("nobody asked for a plugin")

    monkeypatch.setattr("hauberk_cli.plugin.group.find_entry_points", refuse)
    ExtensibleGroup("hauberk", lazy_commands=OWN).main(["version"], standalone_mode=False)
    assert capsys.readouterr().out.startswith("hauberk ")


def test_the_list_says_what_is_refused_and_why(
    install: Callable[[str, dict[str, Any]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    good = half("1", data_hookimpl, hauberk_observer=lambda config: None)
    install("hauberk.data", {"good": good, "old": half("0", data_hookimpl, hauberk_observer=lambda config: None)})
    assert main(["plugin", "list"]) == 0
    told = capsys.readouterr()
    assert [line.split() for line in told.out.splitlines()] == [
        ["NAME", "HALF", "PACKAGE", "API", "STATE", "HOOKS"],
        ["good", "data", "package-of-good", "1.0", "1", "on", "observer"],
        ["old", "data", "package-of-old", "1.0", "0", "refused", "-"],
    ]
    assert "old (data) is refused: it was written for API 0, this is API 1" in told.err


def test_an_empty_list_says_what_a_plugin_is(
    install: Callable[[str, dict[str, Any]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    install("none", {})
    assert main(["plugin", "list"]) == 0
    assert "No plugin is installed" in capsys.readouterr().out


def test_plugins_may_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugin", "list", "canary", "-o", "json"]) == 0
    assert {found["name"] for found in json.loads(capsys.readouterr().out)["plugins"]} == {"canary"}
    assert main(["plugin", "list", "canari"]) == 1
    assert capsys.readouterr().err == "error: no plugin called 'canari' is installed\n next: hauberk plugin list\n"
