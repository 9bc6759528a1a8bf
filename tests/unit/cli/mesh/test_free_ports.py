import json
import socket
import subprocess
import sys

import pytest

from hauberk_cli.mesh.free_ports import LOOPBACK, HeldPorts, free_port, free_ports, is_held, unprivileged


def test_many_ports_are_different_and_free() -> None:
    ports = free_ports(50)
    assert len(set(ports)) == 50
    for port in ports:
        with socket.socket() as sock:
            sock.bind((LOOPBACK, port))


def test_they_are_none_that_the_system_gives_to_outgoing_connections() -> None:
    with socket.socket() as outgoing:
        outgoing.bind((LOOPBACK, 0))
        lowest = min(32768, outgoing.getsockname()[1])
    assert max(free_ports(50)) < lowest


def test_a_port_is_not_chosen_twice_although_nobody_uses_it_yet() -> None:
    assert not set(free_ports(20)) & set(free_ports(20))


def test_processes_that_start_together_choose_differently() -> None:
    program = "from hauberk_cli.mesh.free_ports import free_ports; print(free_ports(30))"
    running = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    chosen = [port for each in running for port in json.loads(each.communicate(timeout=60)[0])]
    assert len(set(chosen)) == 90


def test_none_are_none() -> None:
    assert free_ports(0) == []


def test_the_wanted_port_is_taken_if_it_is_free() -> None:
    [wanted] = free_ports(1)
    assert free_port(wanted) == wanted


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_another_is_taken_if_it_is_not(kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind((LOOPBACK, 0))
        wanted = taken.getsockname()[1]
        assert free_port(wanted) not in (0, wanted)


@pytest.mark.skipif(sys.platform != "linux", reason="ports are held on Linux alone")
def test_a_port_that_another_mesh_holds_is_not_chosen_until_it_is_given_up() -> None:
    [wanted] = free_ports(1)
    program = "from hauberk_cli.mesh.free_ports import HeldPorts; held = HeldPorts([%d]); print(flush=True); input()"
    command = [sys.executable, "-c", program % wanted]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        assert is_held(wanted)
        assert free_port(wanted) != wanted
        with socket.socket() as sock:
            sock.bind((LOOPBACK, wanted))
        other.kill()
    assert free_port(wanted) == wanted


@pytest.mark.skipif(sys.platform != "linux", reason="ports are held on Linux alone")
def test_one_s_own_is_held_until_closed() -> None:
    [wanted] = free_ports(1)
    held = HeldPorts([wanted])
    held.hold(wanted)
    assert free_port(wanted) != wanted
    held.close()
    held.close()
    assert free_port(wanted) == wanted


@pytest.mark.parametrize(("port", "stands"), [(80, 8080), (443, 8443), (1023, 9023), (1024, 1024), (8080, 8080), (65535, 65535)])
def test_ports_below_1024_become_others(port: int, stands: int) -> None:
    assert unprivileged(port) == stands
