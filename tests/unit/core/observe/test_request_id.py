import os
import uuid

from hauberk_core.observe.request_id import RequestIds


def test_identifiers_are_version_4_uuids_and_differ() -> None:
    ids = RequestIds(os.urandom)
    made = [ids.next() for _ in range(1000)]
    assert len(set(made)) == 1000
    for text in made:
        parsed = uuid.UUID(text)
        assert str(parsed) == text
        assert parsed.version == 4
        assert parsed.variant == uuid.RFC_4122


def test_every_other_bit_comes_from_the_entropy_source() -> None:
    ids = RequestIds(lambda size: bytes(range(256)) * (size // 256))
    for number in range(300):
        start = number * 16 % 256
        assert ids.next() == str(uuid.UUID(bytes=bytes(range(start, start + 16)), version=4))
