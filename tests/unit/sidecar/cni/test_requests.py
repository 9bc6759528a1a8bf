"""Requests and answers as files: what is no request of the script's is refused."""

import json
from pathlib import Path

import pytest

from hauberk_sidecar.cni.requests import BadRequest, Request, Requests

ARGUMENTS = "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-1;K8S_POD_UID=u1"


@pytest.fixture
def requests(tmp_path: Path) -> Requests:
    made = Requests(tmp_path / "run")
    made.prepare()
    return made


def ask(requests: Requests, name: str = "c0ffee-eth0", text: str = f"/run/netns/a\n{ARGUMENTS}\n") -> str:
    (requests.asked / name).write_text(text)
    return name


def test_a_request_is_read_and_answered(requests: Requests) -> None:
    name = ask(requests)
    ask(requests, "c0ffee-eth1.new")
    assert requests.names() == [name], "one that is being written is none yet"
    assert requests.read(name) == Request(name, "/run/netns/a", "shop", "web-1", "u1")
    requests.answer(name)
    assert requests.names() == []
    assert (requests.asked.parent / "answers" / name).read_text() == "done\n"


def test_a_problem_is_told_as_the_specification_says(requests: Requests) -> None:
    name = ask(requests)
    requests.answer(name, 'no "rules"\nhere', 7)
    outcome, told = (requests.asked.parent / "answers" / name).read_text().splitlines()
    assert outcome == "failed"
    assert json.loads(told) == {"cniVersion": "1.0.0", "code": 7, "msg": 'hauberk-cni: no "rules"\nhere'}


def test_only_its_owner_may_look(requests: Requests) -> None:
    for folder in (requests.asked.parent, requests.asked, requests.asked.parent / "answers"):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_a_new_agent_finds_requests_and_no_old_answers(requests: Requests) -> None:
    name = ask(requests)
    requests.answer(name)
    waiting = ask(requests, "beef-eth0")
    again = Requests(requests.asked.parent)
    again.prepare()
    assert again.names() == [waiting]
    assert list((requests.asked.parent / "answers").iterdir()) == []


def test_who_gave_up_is_forgotten(requests: Requests) -> None:
    assert requests.read("gone-eth0") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/run/netns/a\n",
        f"/run/netns/a\n{ARGUMENTS}\nmore\n",
        f"run/netns/a\n{ARGUMENTS}\n",
        "/run/netns/a\nK8S_POD_NAME=web-1\n",
        "/run/netns/a\nK8S_POD_NAMESPACE=../x;K8S_POD_NAME=web-1\n",
        f"/run/netns/a\n{ARGUMENTS};{'x' * 4096}\n",
        "/run/netns/a\nK8S_POD_NAMESPACE;=;;K8S_POD_NAME\n",
    ],
)
def test_what_is_no_request_is_refused(requests: Requests, text: str) -> None:
    with pytest.raises(BadRequest):
        requests.read(ask(requests, text=text))


@pytest.mark.parametrize("name", ["../escape", ".hidden", "a b", "-", ""])
def test_a_name_leads_nowhere_else(requests: Requests, name: str) -> None:
    with pytest.raises(BadRequest, match="no name of a request"):
        requests.read(name)
