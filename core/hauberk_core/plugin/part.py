"""One object of a plugin at work: counted, isolated, and closed exactly once."""

from time import perf_counter
from typing import Final

from mypy_extensions import mypyc_attr

from hauberk_core.model.reason import Reason
from hauberk_core.observe.plugin_meters import StepMeter
from hauberk_core.observe.record import Record
from hauberk_core.plugin.exchange import Exchange
from hauberk_core.plugin.filters import AsyncFilter, Backend, Observer, Picker, SyncFilter
from hauberk_core.plugin.running import Running
from hauberk_core.upstream.endpoint import UpstreamEndpoint
from hauberk_core.upstream.guard import Guard, Outcome, Permit, Refusal, Subject
from hauberk_core.upstream.probing import Prober

# One synchronous call in so many is timed: two looks at the clock cost as much as a small filter.
TIMED_CALLS: Final = 64


@mypyc_attr(allow_interpreted_subclasses=True)
class PluginFaults:
    """Where faults of plugins are reported."""

    def plugin_failed(self, plugin: str, where: str, error: Exception) -> None:
        """Must not raise. `where` says which call, for a person."""
        raise NotImplementedError


class Part:
    """What holds one object that a plugin made, and knows when nobody uses it any more."""

    def __init__(
        self,
        plugin: str,
        made: SyncFilter | AsyncFilter | Picker | Observer | Guard,
        meter: StepMeter,
        faults: PluginFaults,
        running: Running,
    ) -> None:
        self.plugin: Final = plugin
        self.made: Final = made
        self.meter: Final = meter
        self.running: Final = running
        self.calls = 0
        self._faults: Final = faults
        self._holders = 0

    def hold(self) -> None:
        """One more uses the object."""
        self._holders += 1

    def let_go(self) -> None:
        """One uses it no more; the last one closes it."""
        self._holders -= 1
        if self._holders == 0:
            try:
                self.made.close()
            except Exception as error:
                self.failed("close", error)

    def failed(self, where: str, error: Exception) -> None:
        """Count and report a fault."""
        self.meter.failed()
        self._faults.plugin_failed(self.plugin, where, error)

    def is_timed(self) -> bool:
        """Count a call. Returns whether it is one of those to be timed."""
        self.calls += 1
        return self.calls % TIMED_CALLS == 0


class WatchingObserver:
    """An observer that may fail once."""

    def __init__(self, part: Part, observer: Observer) -> None:
        self.part: Final = part
        self._observer: Final = observer
        self._dropped = False

    def finished(self, record: Record) -> None:
        """Tell it, unless it was dropped."""
        if self._dropped:
            return
        part = self.part
        part.running.begin(part.plugin, "finished")
        try:
            if part.is_timed():
                begun = perf_counter()
                self._observer.finished(record)
                part.meter.took(perf_counter() - begun)
            else:
                self._observer.finished(record)
        except Exception as error:
            self._dropped = True
            part.failed("finished (the observer hears no more)", error)
        part.running.end()


class IsolatedPicker:
    """A picker whose faults send to the stable backend."""

    def __init__(self, part: Part, picker: Picker, falls_back: bool) -> None:
        """Args: falls_back - whether it has an `instead` of its own."""
        self.part: Final = part
        self.falls_back: Final = falls_back
        self._picker: Final = picker

    def pick(self, exchange: Exchange, backends: tuple[Backend, ...]) -> int:
        """The position in `backends`, or -1 to leave it to the weights."""
        part = self.part
        part.running.begin(part.plugin, "pick")
        try:
            if part.is_timed():
                begun = perf_counter()
                picked = self._picker.pick(exchange, backends)
                part.meter.took(perf_counter() - begun)
            else:
                picked = self._picker.pick(exchange, backends)
            part.running.end()
            if picked is None:
                return -1
            for index in range(len(backends)):
                if backends[index] is picked:
                    return index
            raise ValueError("pick returned what is none of the backends it was given")
        except Exception as error:
            part.running.end()
            part.failed("pick", error)
            return _stable(backends)

    def instead(
        self, exchange: Exchange, backends: tuple[Backend, ...], refused: tuple[Backend, ...], reason: Reason
    ) -> Backend | None:
        """A backend that has not refused yet, or None."""
        if not self.falls_back:
            return None
        part = self.part
        part.calls += 1
        try:
            other = self._picker.instead(exchange, backends, refused, reason)
        except Exception as error:
            part.failed("instead", error)
            return None
        return None if other is None or other in refused or other not in backends else other


def _stable(backends: tuple[Backend, ...]) -> int:
    best = 0
    for index in range(len(backends)):
        if backends[index].share > backends[best].share:
            best = index
    return best


class IsolatedGuard(Guard):
    """A guard whose faults admit."""

    def __init__(self, part: Part, guard: Guard) -> None:
        self.part: Final = part
        self._guard: Final = guard

    def admit(self, endpoint: UpstreamEndpoint, is_retry: bool, subject: Subject) -> Permit | Refusal:
        part = self.part
        permit: Permit | None = None
        part.running.begin(part.plugin, "admit")
        try:
            if part.is_timed():
                begun = perf_counter()
                answer: object = self._guard.admit(endpoint, is_retry, subject)
                part.meter.took(perf_counter() - begun)
            else:
                answer = self._guard.admit(endpoint, is_retry, subject)
            part.running.end()
            if isinstance(answer, Refusal):
                return answer
            if not isinstance(answer, Permit):
                raise TypeError("admit returned neither a Permit nor a Refusal")
            permit = answer
        except Exception as error:
            part.running.end()
            part.failed("admit", error)
        part.hold()
        return IsolatedPermit(part, permit)

    def attach(self, prober: Prober) -> None:
        try:
            self._guard.attach(prober)
        except Exception as error:
            self.part.failed("attach", error)

    def is_out(self, endpoint: UpstreamEndpoint) -> bool:
        try:
            return bool(self._guard.is_out(endpoint))
        except Exception as error:
            self.part.failed("is_out", error)
            return False

    def steers(self) -> bool:
        try:
            return bool(self._guard.steers())
        except Exception as error:
            self.part.failed("steers", error)
            return False

    def watch(self, endpoints: list[UpstreamEndpoint]) -> None:
        try:
            self._guard.watch(endpoints)
        except Exception as error:
            self.part.failed("watch", error)

    def connections(self, count: int) -> None:
        try:
            self._guard.connections(count)
        except Exception as error:
            self.part.failed("connections", error)

    def may_connect(self, count: int) -> bool:
        try:
            return bool(self._guard.may_connect(count))
        except Exception as error:
            self.part.failed("may_connect", error)
            return True

    def waiting(self, count: int) -> None:
        try:
            self._guard.waiting(count)
        except Exception as error:
            self.part.failed("waiting", error)

    def may_wait(self, count: int, subject: Subject) -> Refusal | None:
        try:
            answer: object = self._guard.may_wait(count, subject)
            if answer is None or isinstance(answer, Refusal):
                return answer
            raise TypeError("may_wait returned neither a Refusal nor None")
        except Exception as error:
            self.part.failed("may_wait", error)
            return None

    def shares(self) -> bool:
        try:
            return bool(self._guard.shares())
        except Exception as error:
            self.part.failed("shares", error)
            return False

    def surplus(self, connections: int) -> int:
        try:
            return self._guard.surplus(connections)
        except Exception as error:
            self.part.failed("surplus", error)
            return 0

    def close(self) -> None:
        self.part.let_go()


class IsolatedPermit(Permit):
    """Keeps the guard open until its attempt is over."""

    def __init__(self, part: Part, permit: Permit | None) -> None:
        self._part: Final = part
        self._permit: Final = permit

    def answered(self, status: int, subject: Subject) -> None:
        if self._permit is not None:
            try:
                self._permit.answered(status, subject)
            except Exception as error:
                self._part.failed("answered", error)

    def done(self, outcome: Outcome) -> None:
        part = self._part
        if self._permit is not None:
            try:
                self._permit.done(outcome)
            except Exception as error:
                part.failed("done", error)
        part.let_go()
