"""The filter beside a service that answers as it is told."""

from collections.abc import Sequence
from typing import Any

import pytest
import trio
from example_ask.data import AskingFilter, Settings, hauberk_request_filter

from hauberk_core.plugin.data import HttpAnswer, HttpClient, HttpFailed, Reply, Services


@pytest.mark.parametrize(
    ("config", "reason"),
    [({"url": "ftp://x"}, "does not begin with http://"), ({"url": "http://x/", "seconds": 60}, "between 0 and 10")],
)
def test_wrong_configurations_are_refused_with_the_reason(config: dict[str, object], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        hauberk_request_filter(config, Services())


class Service(HttpClient):
    """Answers as it was told."""

    def __init__(self, answer: HttpAnswer) -> None:
        self.answer = answer
        self.asked: list[tuple[str, str]] = []

    async def fetch(
        self,
        method: str,
        url: str,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        timeout: float = 2.0,  # noqa: ASYNC109 - the face has it
    ) -> HttpAnswer:
        self.asked = list(headers)
        return self.answer


class Offered(Services):
    def __init__(self, http: HttpClient) -> None:
        self._http = http

    def http(self) -> HttpClient:
        return self._http


def ask(status: int, headers: list[tuple[str, str]] | None = None) -> tuple[Service, AskingFilter]:
    service = Service(HttpAnswer(status, headers or [], b"because"))
    return service, AskingFilter(Settings("http://service/"), Offered(service))


def exchange() -> Any:
    from hauberk_core.http.events import Request
    from hauberk_core.http.headers import Headers
    from hauberk_core.observe.record import Record
    from hauberk_core.plugin.data import Exchange

    return Exchange(Request("PUT", "a.test", "/books", "", 11, Headers()), Record(), "")


def test_a_yes_lets_the_request_through_with_the_user_s_name() -> None:
    service, asking = ask(204, [("x-user", "mina")])
    asked = exchange()
    assert trio.run(asking.request, asked) is None
    assert asked.headers.get("x-user") == "mina"
    assert ("x-original-path", "/books") in service.asked


def test_a_no_is_passed_on() -> None:
    _, asking = ask(403)
    reply = trio.run(asking.request, exchange())
    assert isinstance(reply, Reply)
    assert (reply.status, reply.body) == (403, b"because")


def test_anything_else_is_a_failure() -> None:
    _, asking = ask(500)
    with pytest.raises(HttpFailed, match="answered 500"):
        trio.run(asking.request, exchange())
