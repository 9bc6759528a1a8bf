"""`hauberk config dump`: which proxy is meant, and how its configuration is shown."""

import json
from pathlib import Path
from typing import Final

import msgspec
import pytest
from fake_admin import admin_server, write_proxy

from hauberk_cli.exit_codes import CHECK_FAILED, NOT_STARTED, OK
from hauberk_cli.main import main
from hauberk_control.local.client import MESH_VARIABLE
from hauberk_core.agent.config_dump import ConfigDump
from hauberk_core.model.codec import encode_snapshot
from hauberk_core.model.snapshot import Snapshot

CONFIGURATION: Final = """{
  "version": "v7",
  "listeners": {"in": {"address": ":15006", "captured": true, "filter_chains": [
    {"protocol": "detect", "route_table": "shop", "destinations": ["10.0.0.0/8"], "destination_ports": [443],
     "backends": [{"cluster": "v1"}]}]}, "web": {"address": ":80", "filter_chains": [
    {"route_table": "shop", "server_names": ["shop.test"], "transport": {"security": "mesh", "mode": "permissive"}}]}},
  "route_tables": {"shop": {"virtual_hosts": [
    {"name": "empty", "hosts": ["a", "b", "c", "d", "e"]},
    {"name": "shop", "hosts": ["*"], "routes": [
      {"name": "canary", "backends": [{"cluster": "v1", "weight": 9}, {"cluster": "v2"}], "timeout": "5s",
       "matches": [{"path": {"value": "/reviews"}, "method": "GET", "headers": [{"name": "x-user", "value": "me"}]},
                   {"path": {"kind": "exact", "value": "/r"}, "query": [{"name": "v", "kind": "present", "invert": true}]}],
       "plugins": [{"plugin": "waf", "missing": "it is not installed"}]},
      {"name": "old", "matches": [{"path": {"kind": "regex", "value": "/o.*"}}], "redirect": {"status": 301}},
      {"name": "gone", "rewrite": {"path": "/"}, "mirrors": [{"cluster": "v2"}]}]},
    {"name": "other", "hosts": ["z"], "misdirected": true}]}},
  "clusters": {
    "v1": {"endpoints": [{"address": "127.0.0.1:1"}, {"address": "127.0.0.1:2", "weight": 3}]},
    "v3": {"reach": "original_destination"},
    "v2": {"plugins": [{"plugin": "circuitbreaker"}]}}
}"""
SHOWN: Final = """\
default/reviews-v1: configuration v7, number 3 since its agent started

LISTENER  ADDRESS       FOR               PROTOCOL  SECURITY          ROUTES      PLUGINS
in        :15006        10.0.0.0/8, :443  detect    plain             shop v1     -
web       127.0.0.1:80  shop.test         http      mesh, permissive  shop        -

ROUTES  HOSTS                  MATCH                                 ROUTE   THEN
shop    a, b, c, d and 1 more  -                                     -       404
shop    *                      GET /reviews[/...] header:x-user=me   canary  v1 90 %, v2 10 %; at most 5s; plugins waf (missing)
shop    *                      =/r not query:v                       canary  v1 90 %, v2 10 %; at most 5s; plugins waf (missing)
shop    *                      ~/o.*                                 old     redirect 301
shop    *                      /                                     gone    500: no backend; mirrored to v2; rewrite
shop    z - - 421: misdirected

CLUSTER  ENDPOINTS                                   SECURITY  PLUGINS
v1       127.0.0.1:1 (weight 1), 127.0.0.1:2 (weight 3)  plain  -
v3 original destination plain -
v2       -                                           plain     circuitbreaker
"""


def page(snapshot: str | None = CONFIGURATION, proxy: str = "reviews-v1", refused: dict[str, str] | None = None) -> bytes:
    dump = ConfigDump(
        proxy=proxy,
        number=0 if snapshot is None else 3,
        refused=refused or {},
        addresses={"web": "127.0.0.1:80"},
        snapshot=msgspec.Raw((snapshot or "null").encode()),
    )
    return msgspec.json.format(msgspec.json.encode(dump), indent=2) + b"\n"


@pytest.fixture
def mesh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of resources."""
    monkeypatch.setenv(MESH_VARIABLE, str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("name", ["reviews-v1", "default/reviews-v1", "sidecar/default/reviews-v1"])
def test_a_configuration_is_shown_as_tables(mesh: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with admin_server({"/config_dump": page()}) as address:
        write_proxy(mesh, "reviews-v1", address)
        assert main(["config", "dump", name]) == OK
    shown = capsys.readouterr()
    assert [line.split() for line in shown.out.splitlines()] == [line.split() for line in SHOWN.splitlines()]
    assert shown.err == ""


def test_parts_may_be_asked_for(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with admin_server({"/config_dump": page()}) as address:
        write_proxy(mesh, "reviews-v1", address)
        assert main(["config", "dump", "reviews-v1", "--only", "clusters"]) == OK
    shown = capsys.readouterr().out
    assert "CLUSTER " in shown
    assert "LISTENER" not in shown
    assert "MATCH" not in shown


def test_as_json_it_is_the_admin_page(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with admin_server({"/config_dump": page()}) as address:
        write_proxy(mesh, "reviews-v1", address)
        assert main(["config", "dump", "reviews-v1", "-o", "json"]) == OK
    shown = capsys.readouterr().out
    assert shown.encode() == page()
    assert set(json.loads(shown)) == set(ConfigDump.__struct_fields__)


def test_any_proxy_with_an_admin_server_can_be_asked(capsys: pytest.CaptureFixture[str]) -> None:
    empty = encode_snapshot(Snapshot()).decode()
    with admin_server({"/config_dump": page(empty, proxy="hauberk")}) as address:
        assert main(["config", "dump", "--admin", address]) == OK
    assert capsys.readouterr().out.startswith("hauberk: configuration -, number 3")


def test_a_refusal_is_told_and_exits_with_1(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with admin_server({"/config_dump": page(refused={"configuration": "port 80 is taken\n\x1b[2J"})}) as address:
        write_proxy(mesh, "reviews-v1", address)
        assert main(["config", "dump", "reviews-v1"]) == CHECK_FAILED
    assert capsys.readouterr().err == "default/reviews-v1 refused a later configuration: port 80 is taken\n�[2J\n"


def test_a_proxy_without_a_configuration_says_so(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with admin_server({"/config_dump": page(None)}) as address:
        write_proxy(mesh, "reviews-v1", address)
        assert main(["config", "dump", "reviews-v1"]) == OK
    assert capsys.readouterr().out == "default/reviews-v1 has no configuration yet\n"


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (page(proxy="ratings-v1"), 200, "default/reviews-v1 does not run; at its address 'ratings-v1' answers"),
        (b"<html>", 200, "not as a proxy of this version"),
        (page('{"clusters": {"v1": {"new": 1}}}'), 200, "not one that this version of hauberk knows"),
        (b"no such page", 404, "default/reviews-v1: no such page"),
    ],
)
def test_what_answers_may_be_another_program(
    mesh: Path, capsys: pytest.CaptureFixture[str], answer: bytes, status: int, words: str
) -> None:
    with admin_server({"/config_dump": answer}, status) as address:
        write_proxy(mesh, "reviews-v1", address)
        assert main(["config", "dump", "reviews-v1"]) == NOT_STARTED
    shown = capsys.readouterr().err
    assert words in shown
    assert "\n next: " in shown


def test_who_is_not_known_or_not_there_is_told(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, namespace, role in (("front", "default", "gateway"), ("front", "shop", "sidecar"), ("web", "shop", "sidecar")):
        write_proxy(mesh, name, "127.0.0.1:1", role=role, namespace=namespace)
    assert main(["config", "dump", "reviews"]) == NOT_STARTED
    told = capsys.readouterr().err
    assert "no proxy of this mesh is called 'reviews'; there are: default/front, shop/front, shop/web" in told
    assert main(["config", "dump", "front"]) == NOT_STARTED
    told = capsys.readouterr().err
    assert "'front' may be any of gateway/default/front, sidecar/shop/front" in told
    assert main(["config", "dump", "shop/web"]) == NOT_STARTED
    assert "shop/web: 127.0.0.1:1 does not answer" in capsys.readouterr().err
