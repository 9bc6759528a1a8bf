import socket

import pytest
from programs import free_port

from hauberk_cli.demo.ports import PortError, choose_port, is_free


def test_the_preferred_port_if_it_is_free_and_any_other_if_not() -> None:
    with socket.create_server(("127.0.0.1", free_port())) as listening:
        port = listening.getsockname()[1]
        assert not is_free(port)
        other = choose_port(None, port)
        assert other != port
        assert is_free(other)
    assert choose_port(None, port) == port


def test_a_port_asked_for_by_number_is_that_one_or_an_error() -> None:
    with socket.create_server(("127.0.0.1", free_port())) as listening:
        port = listening.getsockname()[1]
        with pytest.raises(PortError, match=f"port {port} is taken"):
            choose_port(port, 1)
    assert choose_port(port, 1) == port
