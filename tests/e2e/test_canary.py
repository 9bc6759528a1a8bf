"""The how-to on canaries is true: its commands are run as they stand, against real processes, and show what it says."""

import re
from collections.abc import Iterator

import pytest
from laptop_mesh import wait_until
from page_reader import Reader, commands_of

pytestmark = pytest.mark.e2e

(UP, FIRST, SECOND, STAY, ROLL_OUT, SESSION, DIVIDE, DOWN) = commands_of("docs/how-to/canary.md")


def counted(shown: str) -> dict[str, int]:
    """What `uniq -c` of versions shows; the lines of one version added up."""
    found: dict[str, int] = {}
    for count, version in re.findall(r'^ *(\d+) "version":"(v\d)"$', shown, re.MULTILINE):
        found[version] = found.get(version, 0) + int(count)
    return found


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    reading = Reader(tmp_path_factory.mktemp("reader"))
    try:
        reading.starts_mesh(UP)
        for name, command in (("v1", FIRST), ("v2", SECOND)):
            seen = reading.leave_running(command, name)
            wait_until(lambda seen=seen: " serves http://" in seen.read_text(), name)  # type: ignore[misc]
        wait_until(lambda: reading.types("hauberk proxies").stdout.count(" yes ") == 3, "three proxies up to date")
        yield reading
    finally:
        reading.leaves()


def test_a_user_stays(reader: Reader) -> None:
    assert counted(reader.types(STAY).stdout) == {"v2": 10}


def test_when_weights_move_only_those_move_who_have_to(reader: Reader) -> None:
    shown = reader.types(ROLL_OUT).stdout
    (before, after, moved, back) = [int(number) for number in re.findall(r": (\d+)", shown)]
    assert back == 0
    assert after == before + moved
    # 200 users: the tenth and the fifth, within five standard deviations.
    assert before in range(1, 42)
    assert after in range(12, 69)
    assert moved > 0


def test_a_session_stays_with_one_process_whichever_worker_serves(reader: Reader) -> None:
    shown = reader.types(SESSION).stdout
    assert re.search(r"^set-cookie: reviews-session=[\w-]{48}; Path=/reviews; HttpOnly; SameSite=Strict\r?$", shown, re.MULTILINE)
    assert re.findall(r'^ +10 "instance":"reviews-v[12]-\d+"$', shown, re.MULTILINE), shown
    [admin] = re.findall(r"^admin=.*\n", DOWN, re.MULTILINE)
    configured = reader.types(f"{admin}curl -s http://$admin/config_dump").stdout
    assert '"secret": "[redacted]"' in configured


def test_a_service_is_divided_among_its_versions(reader: Reader) -> None:
    shown = reader.types(DIVIDE).stdout
    versions = counted(shown)
    assert sum(versions.values()) == 100
    # Each connection may reach either worker of the gateway, and each worker has a sequence of its own.
    assert abs(versions["v2"] - 20) <= 3
    assert re.search(r"PluginPolicy +default/rollout +.*True", shown), shown


def test_a_version_that_is_down_falls_back(reader: Reader) -> None:
    reader.interrupts("v2")
    shown = reader.types(DOWN).stdout
    assert counted(shown) == {"v1": 100}
    fallbacks = re.search(r'name="fallbacks",plugin="canary"} (\d+)', shown)
    assert fallbacks is not None
    assert int(fallbacks[1]) in range(15, 27)
