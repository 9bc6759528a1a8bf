"""The TATs of a limit's keys, in memory that all workers of the proxy share.

A table is a hash table of sets: a key's digest chooses a set of eight places, in one of which it is, or in none. In a full set
the place with the earliest TAT is given away: that key is the closest to a whole allowance, so that forgetting it gives away the
least, and nothing at all if its TAT has passed. Digests are keyed with octets that only this proxy's workers know, so that
nobody can choose clients that meet in one set.

A place is two words, digest and TAT. Workers change a set under the kernel's lock on its record, which is tried a few times and
never waited for: at worst two requests that come at the same moment count as one.
"""

from hashlib import blake2b
from typing import Final

from hauberk_core.plugin.data import Counter, Services, SharedRecord
from hauberk_ratelimit.gcra import Rate

PLACES: Final = 8
"""Of a set: looking through them costs less than the digest."""
RECORD_PLACES: Final = 64
"""Of a record's 128 words."""
_RECORD_SETS: Final = RECORD_PLACES // PLACES
# Whoever has the lock needs microseconds.
_LOCK_TRIES: Final = 50
# Words of the first record's common words: the secret, and whether it is there.
_SECRET_WORDS: Final = 2


class Taken:
    """What became of one request at one limit."""

    __slots__ = ("left", "passes", "reset", "wait")

    def __init__(self, passes: bool, left: int, reset: int, wait: int) -> None:
        self.passes: Final = passes
        self.left: Final = left
        """Requests that may still come."""
        self.reset: Final = reset
        """Nanoseconds until the allowance is whole."""
        self.wait: Final = wait
        """Nanoseconds until a refused request may come again."""


class Table:
    """One limit's keys. Held by the filters that use it, and let go behind the last."""

    def __init__(self, name: str, keys: int, services: Services) -> None:
        """Args: name - of the table within the plugin; keys - so many have a place at least."""
        self._services: Final = services
        count = (keys + RECORD_PLACES - 1) // RECORD_PLACES
        self._records: Final[list[SharedRecord]] = [services.shared(name + "/" + str(number), True) for number in range(count)]
        self._words: Final[list[memoryview]] = [record.words for record in self._records]
        self._secret: Final = _secret_of(self._records[0], services)
        self._forgotten: Final[Counter] = services.counter("forgotten")
        self._unlocked: Final[Counter] = services.counter("unlocked")

    def look(self, key: bytes, rate: Rate, now: int) -> Taken:
        """What would become of a request."""
        digest = self._digest(key)
        words = self._words[(digest >> 3) % len(self._words)]
        place = _find(words, (digest & 7) * PLACES, digest)
        return _judged(rate, int(words[2 * place + 1]) if place >= 0 else 0, now)

    def take(self, key: bytes, rate: Rate, now: int) -> Taken:
        """Let a request pass, if it may."""
        digest = self._digest(key)
        number = (digest >> 3) % len(self._words)
        record = self._records[number]
        tries = 0
        while not record.try_lock_own():
            tries += 1
            if tries == _LOCK_TRIES:
                self._unlocked.add()
                return self._taken(self._words[number], digest, rate, now)
        taken = self._taken(self._words[number], digest, rate, now)
        record.unlock_own()
        return taken

    def release(self) -> None:
        """Nobody uses it any more."""
        for record in self._records:
            record.release()

    def _taken(self, words: memoryview, digest: int, rate: Rate, now: int) -> Taken:
        first = (digest & 7) * PLACES
        place = _find(words, first, digest)
        tat = int(words[2 * place + 1]) if place >= 0 else 0
        moved = rate.after(tat, now)
        if moved < 0:
            return _judged(rate, tat, now)
        if place < 0:
            place = self._free(words, first, now)
            # A reader in between finds a key that owes nothing.
            words[2 * place + 1] = 0
            words[2 * place] = digest
        words[2 * place + 1] = moved
        return Taken(True, rate.left(moved, now), moved - now, 0)

    def _free(self, words: memoryview, first: int, now: int) -> int:
        """The place of a set to be given away."""
        earliest = first
        for place in range(first, first + PLACES):
            if words[2 * place + 1] < words[2 * earliest + 1]:
                earliest = place
        if words[2 * earliest + 1] > now:
            self._forgotten.add()
        return earliest

    def _digest(self, key: bytes) -> int:
        # Non-negative, and never that of a place that nobody has.
        return (int.from_bytes(blake2b(key, digest_size=8, key=self._secret).digest(), "little") >> 1) or 1


def _find(words: memoryview, first: int, digest: int) -> int:
    for place in range(first, first + PLACES):
        if words[2 * place] == digest:
            return place
    return -1


def _judged(rate: Rate, tat: int, now: int) -> Taken:
    reset = tat - now
    return Taken(rate.after(tat, now) >= 0, rate.left(tat, now), reset if reset > 0 else 0, rate.wait(tat, now))


def _secret_of(record: SharedRecord, services: Services) -> bytes:
    """What the workers of this proxy key their digests with: the first of them chooses."""
    common = record.common
    tries = 0
    while not common[_SECRET_WORDS] and tries < 1000:
        tries += 1
        if record.try_lock_own():
            if not common[_SECRET_WORDS]:
                entropy = services.entropy(8 * _SECRET_WORDS)
                for word in range(_SECRET_WORDS):
                    common[word] = int.from_bytes(entropy[8 * word : 8 * word + 8], "little") >> 1
                common[_SECRET_WORDS] = 1
            record.unlock_own()
    return b"".join([int(common[word]).to_bytes(8, "little") for word in range(_SECRET_WORDS)])
