"""The circuit of one endpoint: closed, open until some time, half open until a request has tried it.

The state is common to all workers of the proxy; they change it with the lock of the shared records and read it without. Times are
nanoseconds of the machine's monotonic clock.
"""

from typing import Final

from hauberk_circuitbreaker.rules import OutlierRules
from hauberk_circuitbreaker.streak import Streak
from hauberk_core.model.circuit import (
    EJECTED_AT,
    EJECTED_UNTIL,
    PROBES,
    RETURNED_AT,
    STREAK_5XX,
    STREAK_GATEWAY,
    STREAK_LOCAL,
    TIMES,
    Told,
    Trip,
    encode_told,
)
from hauberk_core.plugin.data import SharedRecord


class EndpointCircuit:
    """One endpoint of one cluster, as one worker sees it."""

    def __init__(self, cluster: str, address: str, record: SharedRecord) -> None:
        self.address: Final = address
        self.record: Final = record
        self.common: Final[memoryview] = record.common
        self.own: Final[memoryview] = record.own
        self.streak_5xx: Final = Streak(record, STREAK_5XX)
        self.streak_gateway: Final = Streak(record, STREAK_GATEWAY)
        self.streak_local: Final = Streak(record, STREAK_LOCAL)
        self.retired = False
        """The cluster has the endpoint no more; the record is let go behind the last request."""
        self._cluster: Final = cluster

    def introduce(self) -> None:
        """Let the record say whose it is."""
        if not self.record.text() and self.record.try_lock():
            self.record.write_text(encode_told(Told(cluster=self._cluster, endpoint=self.address)))
            self.record.unlock()

    def is_in_service(self) -> bool:
        """Whether it is closed."""
        return not self.common[EJECTED_UNTIL]

    def try_probe(self) -> bool:
        """Be the one request that tries a half-open endpoint. Returns: False if another one does."""
        record = self.record
        if record.total(PROBES) or not record.try_lock():
            return False
        free = record.total(PROBES) == 0
        if free:
            self.own[PROBES] = 1
        record.unlock()
        return free

    def end_probe(self) -> None:
        """The request that tried it is over."""
        self.own[PROBES] = 0

    def eject(self, rules: OutlierRules, now: int, cause: int, trip: Trip) -> None:
        """Open: leave the endpoint out for a time that grows with each ejection. To be called with the lock.

        The time is the base time multiplied by how often the endpoint was ejected, at most the longest; each interval in service
        takes one off that number again. Source: Envoy's outlier detection. Args: cause - the common word that counts it.
        """
        common = self.common
        times = int(common[TIMES])
        if not common[EJECTED_UNTIL]:
            times -= (now - int(common[RETURNED_AT])) // rules.interval
            if times < 0:
                times = 0
        if times * rules.base_ejection < rules.longest_ejection:
            times += 1
        lasting = times * rules.base_ejection
        if lasting > rules.longest_ejection:
            lasting = rules.longest_ejection
        common[TIMES] = times
        common[EJECTED_AT] = now
        common[cause] += 1
        self.record.write_text(encode_told(Told(cluster=self._cluster, endpoint=self.address, tripped=trip)))
        # Last, because it is what the others go by.
        common[EJECTED_UNTIL] = now + lasting
        self.begin_anew()

    def close(self, now: int) -> None:
        """Take the endpoint back into service. To be called with the lock."""
        self.common[RETURNED_AT] = now
        self.common[EJECTED_UNTIL] = 0
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget the failures so far."""
        self.streak_5xx.broke()
        self.streak_gateway.broke()
        self.streak_local.broke()
