"""The command's outer face: help, completion, mistakes, exit codes, colours."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from hauberk_cli import main as main_module
from hauberk_cli.main import cli, main

SHELLS = ("bash", "zsh", "fish")


def commands(group: click.Group = cli, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], click.Command]]:
    """Every command with the words that lead to it."""
    context = click.Context(group)
    found: list[tuple[tuple[str, ...], click.Command]] = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        found.append(((*path, name), command))
        if isinstance(command, click.Group):
            found += commands(command, (*path, name))
    return found


COMMANDS = commands()


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "hauberk_cli", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=[" ".join(path) for path, _ in COMMANDS])
def test_every_command_has_help_with_an_example(
    path: tuple[str, ...], command: click.Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*path, "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"Usage: hauberk {' '.join(path)} ")
    assert "Example" in shown
    for parameter in command.params:
        assert not isinstance(parameter, click.Option) or parameter.help, f"{parameter.name} has no help"


def test_the_list_of_commands_says_what_each_command_says_of_itself() -> None:
    for path, command in COMMANDS:
        parent = dict(COMMANDS)[path[:-1]] if len(path) > 1 else cli
        assert isinstance(parent, click.Group)
        listed = click.Context(parent)
        assert command.get_short_help_str(limit=200).rstrip(".") in " ".join(parent.get_help(listed).split()), path


def test_help_lists_each_command_once() -> None:
    shown = cli.get_help(click.Context(cli, terminal_width=200, max_content_width=200))
    for name in cli.list_commands(click.Context(cli)):
        assert sum(line.startswith(f"  {name} ") for line in shown.splitlines()) == 1, name


def test_help_names_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "2 the command line is wrong" in " ".join(capsys.readouterr().out.split())


def test_help_imports_no_command() -> None:
    program = "import sys; from hauberk_cli.main import main; main(['--help']); print(*sorted(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True).stdout
    loaded = set(shown.splitlines()[-1].split())
    assert "hauberk_cli.main" in loaded
    assert not loaded & {
        "trio",
        "cryptography",
        "hauberk_core.agent",
        "hauberk_cli.proxy.command",
        "hauberk_cli.demo.command",
    }


def test_without_a_command_the_help_is_shown_and_nothing_done(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "Other commands:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message", "next_step"),
    [
        (["prxy"], "no command is called 'prxy'; did you mean 'proxy'?", "hauberk --help"),
        (["qqq"], "there are demo, ", "hauberk --help"),
        (["--verison"], "No such option", "hauberk --help"),
        (["config", "chek"], "did you mean 'check'?", "hauberk config --help"),
        (["config", "check"], "FILE", "hauberk config check --help"),
        (["config", "check", "--outptu", "json", "x"], "--output", "hauberk config check --help"),
        (["version", "--output", "yaml"], "'json'", "hauberk version --help"),
        (["completion", "ksh"], "'bash', 'zsh', 'fish'", "hauberk completion --help"),
    ],
)
def test_a_mistyped_line_is_answered_with_what_to_type(
    arguments: list[str], message: str, next_step: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert message in shown.err
    assert shown.err.endswith(f" next: {next_step}\n")


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_scripts_ask_this_command(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert f"_HAUBERK_COMPLETE={shell}_complete" in script
    assert "hauberk" in script


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_scripts_are_right_for_their_shell(shell: str) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    script = run("completion", shell).stdout
    checked = subprocess.run([program, "-n"], input=script, capture_output=True, text=True, timeout=60, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_the_shell_is_told_the_possible_words() -> None:
    told = run(_HAUBERK_COMPLETE="bash_complete", COMP_WORDS="hauberk co", COMP_CWORD="1").stdout
    names = cli.list_commands(click.Context(cli))
    assert told.split() == [f"plain,{name}" for name in names if name.startswith("co")]
    assert {"plain,config", "plain,completion"} <= set(told.split())
    told = run(_HAUBERK_COMPLETE="bash_complete", COMP_WORDS="hauberk proxy --access-log ", COMP_CWORD="3").stdout
    assert told.split() == ["plain,text", "plain,json", "plain,off"]


def test_version_in_words_and_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    words = capsys.readouterr().out
    assert main(["version", "-o", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told) == {"version", "build", "python", "platform"}
    assert told["build"] in ("plain", "compiled")
    assert words == f"hauberk {told['version']} ({told['build']}), {told['python']}, {told['platform']}\n"
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == words


def test_the_module_runs_as_the_command_does() -> None:
    finished = run("nonsense")
    assert finished.returncode == 2
    assert finished.stderr.startswith("error: no command is called 'nonsense'")


def test_a_reader_that_stops_reading_is_no_error() -> None:
    command = f"{sys.executable} -m hauberk_cli config schema | head -n 1"
    finished = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "{\n", "")


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_colours_are_for_terminals_and_never_with_no_color(no_color: str, coloured: bool) -> None:
    import pty

    parent, child = pty.openpty()
    environment = {**os.environ, "NO_COLOR": no_color, "TERM": "xterm"}
    with subprocess.Popen([sys.executable, "-m", "hauberk_cli", "nonsense"], stderr=child, env=environment) as process:
        assert process.wait(timeout=60) == 2
    os.close(child)
    shown = b""
    with contextlib.suppress(OSError):  # the other side is closed, and all has been read
        while data := os.read(parent, 4096):
            shown += data
    os.close(parent)
    assert (b"\x1b[" in shown) is coloured
    assert b"nonsense" in shown


def test_no_colours_into_a_pipe() -> None:
    assert "\x1b[" not in run("nonsense", NO_COLOR="", TERM="xterm").stderr


def test_ctrl_c_has_its_own_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(main_module.cli, "main", interrupted)
    assert main(["version"]) == 130


def test_what_the_system_refuses_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def refused(*arguments: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied", str(Path("secret.json")))

    monkeypatch.setattr(main_module.cli, "main", refused)
    assert main(["version"]) == 3
    assert capsys.readouterr().err == "error: secret.json: Permission denied\n next: hauberk --help\n"
