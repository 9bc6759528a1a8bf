"""The other end of the local socket: which mesh is meant, and what is told when control is away."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from hauberk_control.local.client import MESH_VARIABLE, ControlAway, ControlConnection, ControlRefused, find_mesh
from hauberk_control.local.messages import (
    FOLDER_NAME,
    LARGEST_LINE,
    SOCKET_NAME,
    Answer,
    AskServices,
    AskStatus,
    Noted,
    Ports,
    Refused,
    RegisterWorkload,
    Request,
    Services,
)
from hauberk_control.local.server import open_local_socket

_SECONDS = 60


class Answering:
    """A service with two Services, which refuses everything else."""

    async def answer(self, request: Request) -> Answer:
        if isinstance(request, AskServices):
            return Services(services=[Ports(name=name, namespace="default", ports=[9080]) for name in ("details", "reviews")])
        return Refused(message="not today")

    def unregister(self, request: RegisterWorkload) -> None:
        raise AssertionError("nothing was registered")


@asynccontextmanager
async def _scripted(mesh: Path, answer: bytes) -> AsyncIterator[None]:
    """A control that answers the first line of each connection so, and ends it."""
    (mesh / FOLDER_NAME).mkdir()
    with trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM) as sock:
        await sock.bind(str(mesh / FOLDER_NAME / SOCKET_NAME))
        sock.listen()

        async def serve() -> None:
            while True:
                peer, _ = await sock.accept()
                async with trio.SocketStream(peer) as stream:
                    await stream.receive_some()
                    try:
                        await stream.send_all(answer)
                    except trio.BrokenResourceError:
                        continue

        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            yield
            nursery.cancel_scope.cancel()


async def test_one_question_after_another(tmp_path: Path) -> None:
    async with open_local_socket(tmp_path / FOLDER_NAME / SOCKET_NAME, Answering()):
        connection = await ControlConnection.open(tmp_path)
        for _ in range(3):
            answer = await connection.ask(AskServices(), Services)
            assert [service.name for service in answer.services] == ["details", "reviews"]
        with pytest.raises(ControlRefused, match="not today"):
            await connection.ask(AskStatus(), Noted)
        assert (await connection.ask(AskServices(), Services)).services
        await connection.close()


async def test_no_control_names_the_next_command(tmp_path: Path) -> None:
    with pytest.raises(ControlAway, match=re.escape(f"start it with: hauberk up {tmp_path}")):
        await ControlConnection.open(tmp_path)


async def test_a_socket_that_nobody_serves_names_the_next_command(tmp_path: Path) -> None:
    async with _scripted(tmp_path, b""):
        pass
    assert (tmp_path / FOLDER_NAME / SOCKET_NAME).exists()
    with pytest.raises(ControlAway, match="hauberk up"):
        await ControlConnection.open(tmp_path)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"", "control ended the connection"),
        (b'{"op":"services","serv', "control ended the connection"),
        (b"x" * (LARGEST_LINE + 200_000), "control ended the connection"),
        (b'{"op":"noted"}\n', "control answered with a Noted; control and this command are of different versions, so"),
        (b'{"op":"unheard_of"}\n', "different versions"),
        (b"hello\n", "different versions"),
    ],
    ids=["nothing", "half", "endless", "another", "unheard-of", "no-json"],
)
async def test_what_is_no_answer_is_told(tmp_path: Path, answer: bytes, told: str) -> None:
    async with _scripted(tmp_path, answer):
        connection = await ControlConnection.open(tmp_path)
        with trio.fail_after(_SECONDS), pytest.raises(ControlAway, match=told):
            await connection.ask(AskServices(), Services)
        await connection.close()


async def test_the_end_of_control_is_noticed(tmp_path: Path) -> None:
    async with open_local_socket(tmp_path / FOLDER_NAME / SOCKET_NAME, Answering()):
        connection = await ControlConnection.open(tmp_path)
        await connection.ask(AskServices(), Services)
    with trio.fail_after(_SECONDS):
        await connection.wait_end()
    with pytest.raises(ControlAway, match="control ended the connection"):
        await connection.ask(AskServices(), Services)
    await connection.close()


def test_the_folder_that_is_named_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MESH_VARIABLE, str(tmp_path / "variable"))
    monkeypatch.chdir(_with_socket(tmp_path / "here"))
    assert find_mesh(tmp_path / "option") == tmp_path / "option"


def test_the_variable_comes_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MESH_VARIABLE, str(tmp_path / "variable"))
    monkeypatch.chdir(_with_socket(tmp_path / "here"))
    assert find_mesh(None) == tmp_path / "variable"


@pytest.mark.parametrize("below", [".", "src", "src/deep/er"])
def test_else_it_is_the_nearest_folder_with_a_control(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, below: str) -> None:
    _with_socket(tmp_path)
    mesh = _with_socket(tmp_path / "mesh")
    (mesh / below).mkdir(parents=True, exist_ok=True)
    monkeypatch.delenv(MESH_VARIABLE, raising=False)
    monkeypatch.chdir(mesh / below)
    assert find_mesh(None) == mesh


def test_else_it_is_told_what_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MESH_VARIABLE, "")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ControlAway, match=r"hauberk up DIR, or name it: --mesh DIR or HAUBERK_MESH"):
        find_mesh(None)


def test_relative_names_are_of_this_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_mesh(Path("mesh")) == tmp_path / "mesh"


def _with_socket(folder: Path) -> Path:
    (folder / FOLDER_NAME).mkdir(parents=True)
    (folder / FOLDER_NAME / SOCKET_NAME).touch()
    return folder
