"""What the documentation of discovery says is so."""

from pathlib import Path

from hauberk_control.bridge import LARGEST_MESSAGE
from hauberk_control.discovery import service, session
from hauberk_core.agent import backoff
from hauberk_core.agent.discovery import last_good, mirror
from hauberk_core.wire_proto.service import CONFIGURATION_TYPE, LARGEST_RESPONSE, METHOD, NODE_FIELD, SERVICE


def test_the_page_names_what_the_code_has(repository: Path) -> None:
    page = (repository / "docs" / "reference" / "discovery.md").read_text()
    words = (SERVICE, METHOD, CONFIGURATION_TYPE, NODE_FIELD, last_good.FILE_NAME)
    streams = f"{service.MOST_STREAMS_A_POD}; {service.MOST_STREAMS_AN_IDENTITY}; {service.MOST_STREAMS:,}"
    rows = (
        f"| a step | {LARGEST_RESPONSE >> 20} MiB |",
        f"| a request | {LARGEST_MESSAGE >> 20} MiB |",
        f"| streams of one pod; of one identity; of one control | {streams} |",
        f"| names in one subscription | {session.MOST_NAMES:,} |",
        f"| time until the first request | {service.FIRST_REQUEST_SECONDS:.0f} s |",
        f"| a reason for a refusal | {session.LONGEST_REASON >> 10} KiB |",
        f"after {backoff.SHORTEST_SECONDS} s, then after longer and longer pauses up to {backoff.LONGEST_SECONDS:.0f} s",
    )
    assert [text for text in (*words, *rows) if text not in page] == []
    assert mirror.LONGEST_REASON == session.LONGEST_REASON
