"""The tutorial is true: its commands are run as they stand, and show what it says."""

import re
from collections.abc import Iterator
from typing import Final

import pytest
from laptop_mesh import wait_until
from page_reader import ROOT, Reader, commands_of

pytestmark = pytest.mark.e2e

TUTORIAL: Final = "docs/tutorial/mesh-on-a-laptop.md"
(UP, JOIN, PROXIES, PAGE, COUNT, SHIFT, BREAK, STILL_SERVED, REPAIR, WHO_CALLS, PLAINTEXT) = commands_of(TUTORIAL)


def _shares(counted: str) -> dict[str, int]:
    return {version: int(count) for count, version in re.findall(r'(\d+) "version":"(v\d)"', counted)}


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    reading = Reader(tmp_path_factory.mktemp("reader"))
    try:
        reading.starts_mesh(UP)
        joined = reading.leave_running(JOIN, "join")
        wait_until(lambda: joined.read_text().count(" serves http://") == 6, "six services")
        wait_until(
            lambda: sorted(_shares(reading.types(COUNT).stdout)) == ["v1", "v2", "v3"], "three versions behind the gateway"
        )
        yield reading
    finally:
        reading.leaves()


def test_seven_proxies_have_the_latest(reader: Reader) -> None:
    wait_until(lambda: reader.types("hauberk proxies").stdout.count(" yes ") == 7, "seven proxies up to date")
    shown = reader.types(PROXIES.replace("cd shop\n", "")).stdout
    assert "spiffe://cluster.local/ns/default/sa/bookshop-hauberk" in shown
    assert "spiffe://cluster.local/ns/default/sa/details" in shown


def test_the_page_is_there(reader: Reader) -> None:
    assert reader.types(PAGE).stdout == "<h1>Thirty Thousand Rings</h1>\n"


def test_weights_are_kept_moved_and_survive_a_mistake(reader: Reader) -> None:
    shares = _shares(reader.types(COUNT).stdout)
    assert sum(shares.values()) == 100
    assert abs(shares["v1"] - 90) <= 2
    assert min(shares["v2"], shares["v3"]) >= 3

    shares = _shares(reader.types(SHIFT).stdout)
    assert sum(shares.values()) == 20
    assert sorted(shares) == ["v2", "v3"]
    assert abs(shares["v2"] - shares["v3"]) <= 4

    broken = reader.types(BREAK)
    assert broken.returncode == 1
    assert re.search(r"reviews-route\.yaml:10:5: .*backendRef", broken.stderr), broken.stderr
    assert "backendRefs" in broken.stderr
    assert reader.types(STILL_SERVED).stdout == "200\n"
    repaired = reader.types(REPAIR)
    assert (repaired.returncode, repaired.stderr) == (0, "")


def test_every_hop_is_mutual_tls_and_plaintext_is_reset(reader: Reader) -> None:
    reader.types(PAGE)
    assert set(reader.types(WHO_CALLS).stdout.splitlines()) == {
        'connection_security_policy="mutual_tls"',
        'source_principal="spiffe://cluster.local/ns/default/sa/productpage"',
    }
    assert reader.types(PLAINTEXT).stdout == "curl ended with 56\n"


def test_outputs_shown_are_of_these_commands() -> None:
    text = (ROOT / TUTORIAL).read_text()
    for shown in ("<h1>Thirty Thousand Rings</h1>", "curl ended with 56", 'connection_security_policy="mutual_tls"', "\n200\n"):
        assert shown in text
