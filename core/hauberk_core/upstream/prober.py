"""A cluster's prober: connects as its requests do."""

from typing import Final

from hauberk_core.model.listener import HttpLimits
from hauberk_core.net.loop import Loop
from hauberk_core.net.proxy_header import proxy_header
from hauberk_core.net.wheel import Timer, TimerOwner
from hauberk_core.upstream.connector import Connector
from hauberk_core.upstream.endpoint import UpstreamEndpoint
from hauberk_core.upstream.probe import Probe
from hauberk_core.upstream.probing import Alarm, ProbeListener, Prober, Question, Waker


class ClusterProber(Prober):
    """Of one cluster, for as long as it is not retired."""

    def __init__(self, connector: Connector, announces: int, speaks_http2: bool) -> None:
        """Args: announces - see `ClusterSettings`; speaks_http2 - requests go by HTTP/2 alone, and so do questions."""
        self._announces: Final = announces
        self._speaks_http2: Final = speaks_http2
        self._connector: Final = connector
        self._loop: Final[Loop] = connector.loop
        self._limits: Final = HttpLimits()
        self._alarms: list[TimerAlarm] = []

    def now(self) -> float:
        return self._loop.clock.now()

    def alarm(self, waker: Waker) -> Alarm:
        alarm = TimerAlarm(self._loop, waker)
        self._alarms = [one for one in self._alarms if not one.dropped]
        self._alarms.append(alarm)
        return alarm

    def probe(self, endpoint: UpstreamEndpoint, question: Question, seconds: float, listener: ProbeListener) -> None:
        http2 = question.http2 or self._speaks_http2
        try:
            # Nobody's connection but the proxy's own.
            header = proxy_header(self._announces, "", "") if self._announces else b""
            stream = self._connector.stream(endpoint, http2, None, header)
        except OSError as error:
            listener.probed(f"connecting failed: {error}")
            return
        probe = Probe(self._loop, stream, endpoint, question, self._limits, listener, http2)
        self._loop.wheel.arm(probe.timer, self._loop.clock.now() + seconds)
        probe.open()

    def retire(self) -> None:
        """Wake nobody any more."""
        for alarm in self._alarms:
            alarm.drop()
        self._alarms = []


class TimerAlarm(Alarm):
    """An alarm on the loop's wheel."""

    def __init__(self, loop: Loop, waker: Waker) -> None:
        self.dropped = False
        self._loop: Final = loop
        self._timer: Final = Timer(_Ring(waker))

    def set(self, at: float) -> None:
        if not self.dropped:
            self._loop.wheel.arm(self._timer, at)

    def drop(self) -> None:
        self.dropped = True
        self._loop.wheel.drop(self._timer)


class _Ring(TimerOwner):
    def __init__(self, waker: Waker) -> None:
        self._waker: Final = waker

    def timed_out(self, timer: Timer) -> None:
        self._waker.woken()
