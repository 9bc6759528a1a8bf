"""Names that a shell offers, and the shells themselves: each is started, and the key is pressed."""

import os
import pty
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from select import select
from typing import Final

import click
import pytest
from click.shell_completion import CompletionItem
from fake_admin import write_proxy
from fake_control import FakeControl, proxy_row, serving

from hauberk_cli import complete as complete_module
from hauberk_cli.complete import object_names, plugin_names, proxy_names, service_names, service_ports
from hauberk_cli.main import cli
from hauberk_control.local.client import MESH_VARIABLE
from hauberk_control.local.messages import ObjectRow, Objects, Ports, Proxies, Services

# A shell starts, and starts Python, on a machine that may be busy.
PATIENCE: Final = 180.0
# The command itself, except that it waits for control for as long as that takes.
PATIENT_PROGRAM: Final = f"""
import sys
from hauberk_cli import complete
from hauberk_cli.main import main
complete._PATIENCE_SECONDS = {PATIENCE}
sys.exit(main())
"""
PROXIES: Final = Proxies(proxies=[proxy_row("default/front", role="gateway"), proxy_row("reviews-v1"), proxy_row("reviews-v2")])
OBJECTS: Final = Objects(
    objects=[
        ObjectRow(kind="HTTPRoute", namespace="default", name="reviews", place="a.yaml:1:1"),
        ObjectRow(kind="HTTPRoute", namespace="shop", name="web", place="b.yaml:1:1"),
        ObjectRow(kind="Namespace", namespace="", name="shop", place="b.yaml:9:1"),
    ]
)
SERVICES: Final = Services(
    services=[
        Ports(name="ratings", namespace="default", ports=[9080]),
        Ports(name="reviews", namespace="default", ports=[9080, 9443]),
        Ports(name="web", namespace="shop", ports=[80]),
    ]
)


@pytest.fixture
def mesh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A running mesh, and a `hauberk` to be found by shells."""
    program = tmp_path / "bin" / "hauberk"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\n{PATIENT_PROGRAM}")
    program.chmod(0o755)
    monkeypatch.setattr(complete_module, "_PATIENCE_SECONDS", PATIENCE)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv(MESH_VARIABLE, str(tmp_path))
    with serving(tmp_path, FakeControl(proxies=PROXIES, objects=OBJECTS, services=SERVICES)):
        yield tmp_path


def context(**given: object) -> click.Context:
    made = click.Context(cli)
    made.params.update(given)
    return made


def values(items: list[CompletionItem]) -> list[str]:
    return [str(item.value) for item in items]


PARAMETER: Final = click.Argument(["name"])


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("", ["HTTPRoute/reviews", "HTTPRoute/shop/web", "Namespace/shop"]),
        ("HTTPRoute/r", ["HTTPRoute/reviews"]),
        ("httproute/", ["httproute/reviews", "httproute/shop/web"]),
        ("httproute/default/", ["httproute/default/reviews"]),
        ("nam", ["namespace/shop"]),
        ("Gateway/", []),
    ],
)
def test_objects_are_offered_as_they_may_be_typed(mesh: Path, typed: str, offered: list[str]) -> None:
    assert values(object_names(context(), PARAMETER, typed)) == offered


def test_services_and_their_ports_are_offered(mesh: Path) -> None:
    assert values(service_names(context(), PARAMETER, "r")) == ["ratings", "reviews"]
    assert values(service_names(context(namespace="shop"), PARAMETER, "")) == ["web"]
    assert values(service_ports(context(service="reviews"), PARAMETER, "94")) == ["9443"]
    assert values(service_ports(context(service="web", namespace="shop"), PARAMETER, "")) == ["80"]
    assert values(service_ports(context(), PARAMETER, "")) == []


def test_proxies_are_offered_also_while_control_is_away(mesh: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert values(proxy_names(context(), PARAMETER, "default/r")) == ["default/reviews-v1", "default/reviews-v2"]
    away = tmp_path_factory.mktemp("away")
    write_proxy(away, "ratings", "127.0.0.1:1")
    assert values(proxy_names(context(mesh=away), PARAMETER, "")) == ["default/ratings"]
    assert values(object_names(context(mesh=away), PARAMETER, "")) == []
    assert values(service_names(context(mesh=away), PARAMETER, "")) == []


def test_without_a_mesh_nothing_is_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(MESH_VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    assert proxy_names(context(), PARAMETER, "") == []
    assert object_names(context(), PARAMETER, "") == []


def test_installed_plugins_are_offered() -> None:
    assert values(plugin_names(context(), PARAMETER, "c")) == ["canary", "circuitbreaker", "compression"]


def shell(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def run(*command: str) -> list[str]:
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_bash_completes(mesh: Path) -> None:
    script = """
    eval "$(hauberk completion bash)"
    complete -p hauberk | grep -q -- "-F _hauberk_completion"
    press() {
        COMPREPLY=() COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _hauberk_completion hauberk
        printf '%s\\n' "${COMPREPLY[@]}"
    }
    press hauberk config dump default/r
    press hauberk wait httproute/
    """
    offered = run(shell("bash"), "--norc", "-c", script)
    assert offered == ["default/reviews-v1", "default/reviews-v2", "httproute/reviews", "httproute/shop/web"]


def test_fish_completes(mesh: Path) -> None:
    script = """
    hauberk completion fish | source
    complete -C 'hauberk config dump default/r'
    complete -C 'hauberk run --service r'
    """
    offered = run(shell("fish"), "--no-config", "-c", script)
    assert [line.split("\t")[0] for line in offered] == ["default/reviews-v1", "default/reviews-v2", "ratings", "reviews"]


def test_zsh_completes(mesh: Path) -> None:
    program = shell("zsh")
    child, terminal = pty.fork()
    if not child:
        os.execve(program, ["zsh", "-f", "-i"], {**os.environ, "TERM": "dumb", "ZDOTDIR": str(mesh)})
    try:
        setup = 'PS1=; autoload -Uz compinit; compinit -u -D; eval "$(hauberk completion zsh)"; echo re""ady\r'
        os.write(terminal, setup.encode())
        _read_until(terminal, b"\nready\r\n")
        os.write(terminal, b"hauberk config dump default/f\t")
        _read_until(terminal, b"default/front")
        os.write(terminal, b"\x15hauberk stat\t")
        _read_until(terminal, b"status")
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        os.close(terminal)


def _read_until(terminal: int, wanted: bytes) -> None:
    shown = b""
    deadline = time.monotonic() + PATIENCE
    while wanted not in shown:
        ready, _, _ = select([terminal], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, shown
        shown += os.read(terminal, 65536)
