"""How often a peer may do what costs us work and gains it nothing: a bucket of tokens that fills with time and with real work."""

from typing import Final


class Allowance:
    """A burst at once, from then on so many a second, and as much more as real work allows for."""

    __slots__ = ("_burst", "_most", "_rate", "_since", "_tokens")

    def __init__(self, burst: float, per_second: float, most: float = 0.0) -> None:
        """Args: most - that work may gather, where it is more than the burst."""
        self._burst: Final = burst
        self._most: Final = most if most > burst else burst
        self._rate: Final = per_second
        self._tokens = burst
        self._since = 0.0

    def take(self, now: float) -> bool:
        """Whether it is allowed once more. Args: now - seconds of a clock that does not go back."""
        if self._since == 0.0:
            self._since = now
        if self._tokens < 1.0:
            tokens = self._tokens + (now - self._since) * self._rate
            self._tokens = tokens if tokens < self._burst else self._burst
            self._since = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def give(self, tokens: float) -> None:
        """Real work was done: it may do that oftener."""
        self._tokens += tokens
        if self._tokens > self._most:
            self._tokens = self._most
