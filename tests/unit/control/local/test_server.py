"""The local socket: who may open it, what it takes, and what ends with a connection."""

import json
import os
import socket
import stat
from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from hauberk_control.local import server as server_module
from hauberk_control.local.messages import (
    FOLDER_NAME,
    LARGEST_LINE,
    SOCKET_NAME,
    Answer,
    Noted,
    Refused,
    RegisterWorkload,
    Request,
)
from hauberk_control.local.server import LocalSocketError, open_local_socket

REGISTER = b'{"op":"register_workload","service":"web","name":"web"}\n'
_SECONDS = 60


class Recording:
    """A service that refuses workloads called `taken`, and remembers what it was told."""

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.unregistered: list[RegisterWorkload] = []

    async def answer(self, request: Request) -> Answer:
        self.asked.append(request)
        if isinstance(request, RegisterWorkload) and request.name == "taken":
            return Refused(message="taken")
        if isinstance(request, RegisterWorkload) and request.name == "broken":
            raise ZeroDivisionError("nobody thought of it")
        return Noted()

    def unregister(self, request: RegisterWorkload) -> None:
        self.unregistered.append(request)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / FOLDER_NAME / SOCKET_NAME


async def _ask(stream: trio.SocketStream, line: bytes) -> dict[str, str]:
    await stream.send_all(line)
    answer = await _line(stream)
    return dict(json.loads(answer))


async def _line(stream: trio.SocketStream) -> bytes:
    received = b""
    with trio.fail_after(_SECONDS):
        while not received.endswith(b"\n"):
            data = await stream.receive_some()
            assert data, "the connection ended without an answer"
            received += data
    return received


async def _assert_ended(stream: trio.SocketStream) -> None:
    with trio.fail_after(_SECONDS):
        try:
            assert await stream.receive_some() == b""
        except trio.BrokenResourceError:
            # A reset, because the end left something unread.
            return


async def test_requests_are_answered_in_turn(path: Path) -> None:
    service = Recording()
    async with open_local_socket(path, service), await trio.open_unix_socket(str(path)) as stream:
        assert await _ask(stream, b'{"op":"services"}\n') == {"op": "noted"}
        assert await _ask(stream, b'{"op":"status"}\n') == {"op": "noted"}
        await stream.send_all(b'{"op":"proxies"}\n{"op":"gate')
        assert json.loads(await _line(stream)) == {"op": "noted"}
        await stream.send_all(b'ways"}\n')
        assert json.loads(await _line(stream)) == {"op": "noted"}
    assert [type(request).__name__ for request in service.asked] == ["AskServices", "AskStatus", "AskProxies", "AskGateways"]


@pytest.mark.parametrize(
    "line",
    [
        b"hello\n",
        b"\n",
        b"\xff\xfe\n",
        b"[]\n",
        b'{"op":"unheard_of"}\n',
        b'{"op":"services","extra":1}\n',
        b'{"op":"register_workload","name":"web"}\n',
        b'{"op":"register_workload","service":"web","name":"web","ports":{"0":1}}\n',
        b"[" * 5000 + b"\n",
    ],
)
async def test_a_line_that_is_no_request_is_refused_and_the_connection_stays(path: Path, line: bytes) -> None:
    service = Recording()
    async with open_local_socket(path, service), await trio.open_unix_socket(str(path)) as stream:
        refusal = await _ask(stream, line)
        assert refusal["op"] == "refused"
        assert refusal["message"].startswith("this is no request: ")
        assert service.asked == []
        assert await _ask(stream, b'{"op":"services"}\n') == {"op": "noted"}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b'{"op":"register_workload","service":"../../etc","name":"web"}\n', "service: '../../etc' is no name"),
        (b'{"op":"register_workload","service":"web","name":"../web"}\n', "name: '../web' is no name"),
        (b'{"op":"register_workload","service":"web","name":"web","version":"V 1"}\n', "version: 'V 1' is no name"),
        (b'{"op":"register_workload","service":"web","name":"web","namespace":"a/b"}\n', "namespace: 'a/b' is no name"),
        (b'{"op":"register_workload","service":"web","name":"web","service_account":"a/b"}\n', "service account: "),
        (b'{"op":"register_workload","service":"web","name":"web","labels":{"a b":"c"}}\n', "label: "),
        (b'{"op":"join_gateway","namespace":"default","name":""}\n', "name: "),
        (b'{"op":"workload_ready","namespace":"","name":"web"}\n', "namespace: "),
    ],
)
async def test_names_follow_the_rules_of_files(path: Path, line: bytes, told: str) -> None:
    service = Recording()
    async with open_local_socket(path, service), await trio.open_unix_socket(str(path)) as stream:
        refusal = await _ask(stream, line)
        assert refusal["op"] == "refused"
        assert told in refusal["message"]
    assert service.asked == []


async def test_a_line_without_an_end_ends_the_connection(path: Path) -> None:
    async with open_local_socket(path, Recording()), await trio.open_unix_socket(str(path)) as stream:
        with trio.fail_after(_SECONDS), pytest.raises(trio.BrokenResourceError):
            # More than it takes, and than the kernel keeps for it.
            await stream.send_all(b"x" * (4 * LARGEST_LINE))
        async with await trio.open_unix_socket(str(path)) as other:
            assert await _ask(other, b'{"op":"services"}\n') == {"op": "noted"}


async def test_a_registration_ends_with_its_connection(path: Path) -> None:
    service = Recording()
    async with open_local_socket(path, service):
        async with await trio.open_unix_socket(str(path)) as stream:
            assert await _ask(stream, REGISTER) == {"op": "noted"}
            assert service.unregistered == []
        await wait_all_tasks_blocked(0.01)
        assert [request.name for request in service.unregistered] == ["web"]


async def test_who_is_registered_when_the_server_ends_has_not_left(path: Path) -> None:
    service = Recording()
    async with open_local_socket(path, service):
        stream = await trio.open_unix_socket(str(path))
        assert await _ask(stream, REGISTER) == {"op": "noted"}
    await _assert_ended(stream)
    await stream.aclose()
    assert service.unregistered == []


async def test_a_question_that_cannot_be_answered_ends_nothing(path: Path) -> None:
    service = Recording()
    async with open_local_socket(path, service):
        stream = await trio.open_unix_socket(path)
        async with stream:
            told = await _ask(stream, REGISTER.replace(b'"name":"web"', b'"name":"broken"'))
            assert "nobody thought of it" in told["message"]
            assert "message" not in await _ask(stream, REGISTER)
    assert "broken" not in [request.name for request in service.unregistered]


async def test_what_was_refused_is_not_unregistered(path: Path) -> None:
    service = Recording()
    async with open_local_socket(path, service):
        async with await trio.open_unix_socket(str(path)) as stream:
            assert (await _ask(stream, REGISTER.replace(b'"name":"web"', b'"name":"taken"')))["op"] == "refused"
        await wait_all_tasks_blocked(0.01)
    assert service.unregistered == []


async def test_one_connection_more_than_it_takes_is_closed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "MOST_CONNECTIONS", 2)
    async with open_local_socket(path, Recording()):
        first = await trio.open_unix_socket(str(path))
        second = await trio.open_unix_socket(str(path))
        for stream in (first, second):
            assert await _ask(stream, b'{"op":"services"}\n') == {"op": "noted"}
        async with await trio.open_unix_socket(str(path)) as refused:
            await _assert_ended(refused)
        await first.aclose()
        await wait_all_tasks_blocked(0.01)
        third = await trio.open_unix_socket(str(path))
        assert await _ask(third, b'{"op":"services"}\n') == {"op": "noted"}
        await second.aclose()
        await third.aclose()


async def test_folder_and_socket_are_for_their_owner_alone(path: Path) -> None:
    path.parent.mkdir(mode=0o755)
    async with open_local_socket(path, Recording()):
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not path.exists()


async def test_a_second_control_is_refused_and_the_first_serves_on(path: Path) -> None:
    async with open_local_socket(path, Recording()):
        with pytest.raises(LocalSocketError, match=r"another control serves .*; stop it first"):
            async with open_local_socket(path, Recording()):
                pass
        async with await trio.open_unix_socket(str(path)) as stream:
            assert await _ask(stream, b'{"op":"services"}\n') == {"op": "noted"}


async def test_the_socket_of_a_killed_control_is_replaced(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
        left.bind(str(path))
    assert path.exists()
    async with open_local_socket(path, Recording()), await trio.open_unix_socket(str(path)) as stream:
        assert await _ask(stream, b'{"op":"services"}\n') == {"op": "noted"}


async def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / FOLDER_NAME).write_text("a file")
    with pytest.raises(LocalSocketError, match=FOLDER_NAME):
        async with open_local_socket(tmp_path / FOLDER_NAME / SOCKET_NAME, Recording()):
            pass


async def test_a_path_longer_than_sockets_take_is_told(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 120)
    deep.mkdir()
    with pytest.raises(LocalSocketError, match="cannot be served"):
        async with open_local_socket(deep / FOLDER_NAME / SOCKET_NAME, Recording()):
            pass


@pytest.mark.skipif(not hasattr(socket, "SO_PEERCRED"), reason="the kernel does not tell who connects")
async def test_a_connection_of_another_user_is_closed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = Recording()
    async with open_local_socket(path, service):
        ours = os.geteuid()
        with monkeypatch.context() as patched:
            # As seen from a server that runs as somebody else, the peer is foreign.
            patched.setattr(os, "geteuid", lambda: ours + 1)
            async with await trio.open_unix_socket(str(path)) as stranger:
                await _assert_ended(stranger)
        async with await trio.open_unix_socket(str(path)) as stream:
            assert await _ask(stream, b'{"op":"services"}\n') == {"op": "noted"}
    assert len(service.asked) == 1


async def test_a_folder_of_another_user_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.parent.mkdir(mode=0o700)
    ours = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: ours + 1)
    with pytest.raises(LocalSocketError, match="belongs to somebody else"):
        async with open_local_socket(path, Recording()):
            pass
