"""What is known of one endpoint, common to all workers: they change it with the lock of the shared records and read it without.

Whichever worker finds the endpoint due first takes the check, by moving the time when it is due; so a proxy asks as often with
eight workers as with one, and one that dies in the middle of a check delays the next by its timeout.
"""

from typing import Final

from hauberk_core.model.health import (
    CHANGES,
    CHECKED_AT,
    CHECKS,
    DUE,
    FAILURES,
    HEALTHY,
    IN_A_ROW,
    SINCE,
    STATE,
    UNHEALTHY,
    UNKNOWN,
    CheckTold,
    decode_check,
    encode_check,
)
from hauberk_core.plugin.data import Endpoint, SharedRecord
from hauberk_healthcheck.rules import Rules

NANOSECONDS: Final = 1_000_000_000
# What was found out by a worker long dead says nothing any more after so many intervals; but a new one takes its time to start.
_STALE_INTERVALS: Final = 5
_STALE_SECONDS: Final = 60.0
# A record has room for two names and this.
_LONGEST_FAULT: Final = 200


class CheckedEndpoint:
    """One endpoint of one cluster, as one worker sees it."""

    def __init__(self, cluster: str, endpoint: Endpoint, record: SharedRecord) -> None:
        self.endpoint: Endpoint = endpoint
        self.record: Final = record
        self.common: Final[memoryview] = record.common
        self.gone = False
        self._cluster: Final = cluster

    def state(self) -> int:
        """UNKNOWN, HEALTHY or UNHEALTHY."""
        return int(self.common[STATE])

    def fault(self) -> str:
        """Why the last check that failed did; empty if none has, or the record is being written just now."""
        told = decode_check(self.record.text())
        return "" if told is None else told.fault

    def introduce(self, rules: Rules, now: int) -> None:
        """Go by these rules from now on; what is known stays, unless it is too old."""
        record = self.record
        if not record.try_lock():
            return
        common = self.common
        stale = max(_STALE_INTERVALS * rules.interval, _STALE_SECONDS)
        if common[CHECKED_AT] and now - common[CHECKED_AT] > int(stale * NANOSECONDS):
            common[STATE] = UNKNOWN
            common[IN_A_ROW] = 0
        record.write_text(self._told(rules, self.fault()))
        record.unlock()

    def take(self, now: int, until: int) -> bool:
        """Have this worker make the check that is due, and no other before `until`. Returns: False if another one took it."""
        record = self.record
        if not record.try_lock():
            return False
        free = int(self.common[DUE]) <= now
        if free:
            self.common[DUE] = until
        record.unlock()
        return free

    def note(self, rules: Rules, fault: str, now: int, due: int) -> int:
        """A check is over. Returns: the state, if it has changed; else -1. Args: fault - empty: it passed."""
        record = self.record
        if not record.try_lock():
            # Another worker writes something this very moment; the next check says the same if it matters.
            return -1
        try:
            common = self.common
            common[DUE] = due
            common[CHECKED_AT] = now
            common[CHECKS] += 1
            if fault:
                common[FAILURES] += 1
            if fault or not record.text():
                record.write_text(self._told(rules, fault[:_LONGEST_FAULT]))
            before = int(common[STATE])
            found = UNHEALTHY if fault else HEALTHY
            if found == before:
                common[IN_A_ROW] = 0
                return -1
            common[IN_A_ROW] += 1
            if common[IN_A_ROW] < _wanted(rules, before, found):
                return -1
            common[IN_A_ROW] = 0
            common[SINCE] = now
            common[CHANGES] += 1
            # Last, because it is what the others go by.
            common[STATE] = found
            return found
        finally:
            record.unlock()

    def _told(self, rules: Rules, fault: str) -> bytes:
        return encode_check(
            CheckTold(cluster=self._cluster, endpoint=self.endpoint.address, check=rules.asked.shown, fault=fault)
        )


def _wanted(rules: Rules, before: int, found: int) -> int:
    """Checks in a row that make an endpoint what they found."""
    if before == UNKNOWN and (rules.first_decides or found == HEALTHY):
        return 1
    return rules.healthy_threshold if found == HEALTHY else rules.unhealthy_threshold
