"""Broken files of many kinds: each is refused with its place and the reason, while the last good configuration serves on."""

import re
import time
from collections.abc import Iterator
from typing import Final

import pytest
from bookshop_mesh import bookshop_mesh, route, service, write_bookshop
from laptop_mesh import LOOK_SECONDS, START_SECONDS, Mesh, kill, wait_until
from load_client import Load
from mesh_authority import MeshAuthority

pytestmark = pytest.mark.e2e

GOOD: Final = route("reviews")
PARTIAL: Final = GOOD.index("- type: ResponseHeaderModifier")
BOMB: Final = "a: &a [x, x, x, x, x, x, x, x]\n" + "".join(
    f"{after}: &{after} [*{before}, *{before}, *{before}, *{before}, *{before}, *{before}, *{before}, *{before}]\n"
    for before, after in zip("abcdefgh", "bcdefghi", strict=True)
)

# What the served route's own file becomes: octets, place, reason.
EDITS: Final[dict[str, tuple[str | bytes, str, str]]] = {
    "half-written": (GOOD[:PARTIAL].replace("/reviews}}\n", "/rev"), "10:81", "did not find expected ',' or '}'"),
    "emptied": ("", "1:1", "the file is empty; its objects stay as they were"),
    "binary": (bytes(range(256)) * 20, "2:118", "not UTF-8"),
    "another encoding": (GOOD.encode("utf-16"), "1:1", "not UTF-8"),
    "an accent in Latin-1": (GOOD.replace("first", "premi\xe8re").encode("latin-1"), "12:64", "not UTF-8"),
    "a NUL": (GOOD.replace("first", "fi\0rst"), "12:61", "cannot stand in YAML"),
    "a tab": (GOOD.replace("  rules", "\trules"), "6:1", "cannot start any token"),
    "a merge conflict": (GOOD.replace("  rules:", "<<<<<<< HEAD\n  rules:"), "7:8", "could not find expected ':'"),
    "a template": (GOOD.replace("bookshop", "{{ .Values.gateway }}"), "5:24", "stands where a name should"),
    "a web page": ("<html><body>404</body></html>\n", "1:1", "this is no object"),
    "a duplicate key": (GOOD.replace("spec:", "kind: HTTPRoute\nspec:"), "4:1", "stands here a second time"),
    "an alias bomb": (BOMB, r"\d+:\d+", "more than 400000 values"),
    "an alias for itself": (GOOD.replace("spec:", "spec: &s\n  loop: *s"), "5:9", "stands for itself"),
    "an alias for nothing": (GOOD.replace('"first"', "*nobody"), "12:58", "no anchor '&nobody'"),
    "nested without end": ("[" * 3000, "1:65", "nested deeper than 64 levels"),
    "an unknown kind": (GOOD.replace("HTTPRoute", "HTTPRout"), "2:7", "no kind is called 'HTTPRout'"),
    "an unknown version": (GOOD.replace("io/v1", "io/v9"), "1:13", "not served in"),
    "an unknown field": (GOOD.replace("backendRefs", "backendRef"), "13:5", "no member is called 'backendRef'"),
    "text for a number": (GOOD.replace("port: 9080", 'port: "9080"'), "13:41", "expected a whole number, got '9080'"),
    "a list for an object": (GOOD.replace("spec:", "spec: []\nstatus:"), "4:7", "expected an object, got a list"),
    "a port out of range": (GOOD.replace("9080", "99080"), "13:41", "99080 is out of range"),
    "a negative weight": (GOOD.replace("9080}", "9080, weight: -1}"), "13:55", "-1 is out of range"),
    "no name": (GOOD.replace("name: reviews}", "name: Reviews_1}", 1), "3:18", "'Reviews_1' is no name"),
}

ROUTE: Final = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: extra}
spec:
  parentRefs: [{name: bookshop}]
  rules:
"""
GATEWAY: Final = """\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: extra}
spec:
  gatewayClassName: hauberk
  listeners:
"""
WORKLOAD: Final = """\
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: extra}
spec: {address: 127.0.0.1, labels: {app: reviews}, """
HTTPS: Final = GATEWAY + "  - {name: a, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: extra}]}}\n"


def _mismatched_pair() -> str:
    """A certificate with another one's key."""
    authority = MeshAuthority()
    chain, key = authority.issue("spiffe://a/b").chain, authority.issue("spiffe://a/b").key
    lines = [f"    {line}" for line in chain.decode().splitlines()]
    keys = [f"    {line}" for line in key.decode().splitlines()]
    head = "apiVersion: v1\nkind: Secret\nmetadata: {name: extra}\ntype: kubernetes.io/tls\nstringData:\n"
    return "\n".join([head + "  tls.crt: |", *lines, "  tls.key: |", *keys, "---", HTTPS])


# What comes beside it.
ADDITIONS: Final[dict[str, tuple[str | bytes, str, str]]] = {
    "a Gateway that does not exist": (ROUTE.replace("bookshop", "nobody"), "1:1", "there is no Gateway default/nobody"),
    "a Service that does not exist": (
        ROUTE + "  - backendRefs: [{name: nobody, port: 9080}]\n  - matches: [{path: {value: /x}}]\n",
        *("1:1", "there is no Service default/nobody"),
    ),
    "a Secret that does not exist": (HTTPS, "1:1", "there is no Secret default/extra"),
    "a key of another certificate": (_mismatched_pair(), r"\d+:\d+", "key"),
    "a bad regular expression": (
        ROUTE
        + "  - matches: [{path: {type: RegularExpression, value: '/extra('}}]\n    backendRefs: [{name: reviews, port: 9080}]\n",
        *("7:55", "'/extra(' is no regular expression RE2 takes: missing )"),
    ),
    "listeners that conflict": (
        GATEWAY + "  - {name: a, port: 81, protocol: HTTP}\n  - {name: b, port: 81, protocol: HTTP}\n",
        *("8:5", "a second listener for 'HTTP *:81'"),
    ),
    "protocols that conflict": (
        HTTPS + "  - {name: b, port: 443, protocol: HTTP}\n",
        *("1:1", "port 443 cannot speak HTTP and HTTPS at once"),
    ),
    "no SPIFFE identity": (WORKLOAD + "serviceAccount: 'a b/../c', ports: {'9080': 1}}\n", "4:68", "'a b/../c' is no name"),
    "no address": (WORKLOAD.replace("127.0.0.1", "'127.0.0.1:80'") + "}\n", "4:17", "is no address"),
    "another namespace without leave": (
        ROUTE + "  - matches: [{path: {value: /x}}]\n    backendRefs: [{name: reviews, namespace: other, port: 9080}]\n",
        *("1:1", "add a ReferenceGrant in other"),
    ),
    "a kind that would be missed": (
        "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: extra}\nspec: {}\n",
        *("2:7", "does not act on AuthorizationPolicy"),
    ),
    "the same object twice": (
        GOOD.replace("metadata: {name: reviews}", "metadata: {name: ratings}"),
        *("1:1", "HTTPRoute default/ratings stands here a second time"),
    ),
}


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    folder = tmp_path_factory.mktemp("broken") / "mesh"
    write_bookshop(folder)
    with bookshop_mesh(folder) as running:
        wait_until(lambda: running.refusals() == [], "a mesh without mistakes")
        yield running


@pytest.fixture(scope="module")
def load(mesh: Mesh) -> Iterator[Load]:
    """On the route whose file is broken."""
    with Load(mesh.gateway_port, "/reviews/0", clients=2, fresh=1) as running:
        yield running


def _is_refused(mesh: Mesh, load: Load, file: str, content: str | bytes, place: str, reason: str) -> None:
    path = mesh.folder / file
    good = path.read_bytes() if path.exists() else None
    before = load.total()
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    told = re.compile(rf"{re.escape(file)}:{place}: .*{re.escape(reason)}")
    try:
        _wait_told(mesh, told)
        wait_until(lambda: load.total() >= before + 10, "requests meanwhile")
    finally:
        if good is None:
            path.unlink()
        else:
            path.write_bytes(good)
        wait_until(lambda: mesh.refusals() == [], "a mesh without mistakes")
    assert load.failed() == []


def _wait_told(mesh: Mesh, told: re.Pattern[str]) -> None:
    deadline = time.monotonic() + START_SECONDS
    refusals = mesh.refusals()
    while not any(told.match(refusal) for refusal in refusals):
        assert time.monotonic() < deadline, "\n".join([told.pattern, *refusals])
        time.sleep(LOOK_SECONDS)
        refusals = mesh.refusals()


@pytest.mark.parametrize("kind", EDITS)
def test_a_broken_edit_is_refused_and_what_stood_there_serves_on(mesh: Mesh, load: Load, kind: str) -> None:
    _is_refused(mesh, load, "reviews-route.yaml", *EDITS[kind])


@pytest.mark.parametrize("kind", ADDITIONS)
def test_a_broken_addition_is_refused_and_disturbs_nothing(mesh: Mesh, load: Load, kind: str) -> None:
    # Behind the others in their order: of two objects of one name the first counts.
    _is_refused(mesh, load, "zz-extra.yaml", *ADDITIONS[kind])


def test_files_that_are_deleted_and_written_again_by_an_editor_are_not_missed(mesh: Mesh, load: Load) -> None:
    before = load.total()
    for name in ("reviews-route.yaml", "gateway.yaml", "reviews.yaml", "policy.yaml"):
        path = mesh.folder / name
        for way in ("unlink", "truncate", "rename"):
            content = path.read_bytes()
            if way == "unlink":
                path.unlink()
            elif way == "truncate":
                path.write_bytes(b"")
            else:
                path.rename(path.with_suffix(".bak"))
            seen = load.total()
            wait_until(lambda: load.total() > seen, "a request meanwhile")  # noqa: B023 - called at once
            path.write_bytes(content)
    wait_until(lambda: load.total() >= before + 100, "requests")
    assert load.failed() == []


def test_the_command_tells_the_place_the_reason_and_what_to_write(mesh: Mesh) -> None:
    path = mesh.folder / "reviews-route.yaml"
    content, place, reason = EDITS["an unknown field"]
    assert isinstance(content, str)
    path.write_text(content)
    wait_until(lambda: mesh.hauberk("status").returncode == 1, "a status that tells of the mistake")
    told = mesh.hauberk("status").stderr
    assert f"reviews-route.yaml:{place}: spec.rules[0].backendRef: {reason}" in told
    assert "did you mean 'backendRefs'?" in told
    path.write_text(GOOD)
    wait_until(lambda: mesh.hauberk("status").returncode == 0, "a status without mistakes")


def test_control_that_is_killed_while_files_are_broken_comes_back_with_what_they_were(mesh: Mesh, load: Load) -> None:
    broken = {name: (mesh.folder / name).read_bytes() for name in ("gateway.yaml", "reviews-route.yaml", "policy.yaml")}
    gateway = mesh.proxy("gateway", "bookshop")
    agent = gateway.agent()
    # What is kept of these files is on disk by now, because later edits of others are.
    path = mesh.folder / "zz-marker.yaml"
    kept = mesh.folder / ".hauberk" / "last-good"
    before = len(list(kept.iterdir()))
    path.write_text(service("marker"))
    wait_until(lambda: len(list(kept.iterdir())) == before + 1, "the marker to be kept")
    for name in broken:
        (mesh.folder / name).write_text("kind: [\n")
        _wait_told(mesh, re.compile(rf"{name}:\d+:\d+: "))
    path.unlink()
    control = mesh.control()
    kill(control)
    try:
        wait_until(lambda: mesh.control() not in (0, control) and _answers(mesh), "another control")
        for name in broken:
            _wait_told(mesh, re.compile(rf"{name}:\d+:\d+: "))
        seen = load.total()
        assert mesh.hauberk("wait", "--timeout", "60", "--file", "ratings.yaml").returncode == 0
        wait_until(lambda: load.total() >= seen + 50, "requests by what control has made of it")
        assert gateway.agent() == agent
        assert "marker" not in mesh.hauberk("status").stdout
    finally:
        for name, content in broken.items():
            (mesh.folder / name).write_bytes(content)
    wait_until(lambda: mesh.refusals() == [], "a mesh without mistakes")
    assert load.failed() == []


def _answers(mesh: Mesh) -> bool:
    return mesh.hauberk("status", "-o", "json").returncode in (0, 1)
