"""Durations as the two APIs write them; both are kept in seconds."""

import re
from typing import Final, Self

from hauberk_core.model.duration import Duration
from hauberk_core.model.errors import quote

_GATEWAY: Final = re.compile(r"(?:[0-9]{1,5}(?:h|ms|m|s)){1,4}")
_GATEWAY_PART: Final = re.compile(r"([0-9]+)(h|ms|m|s)")
_ISTIO: Final = re.compile(r"(?:[0-9]{1,9}(?:\.[0-9]{1,9})?(?:h|ms|m|us|ns|s))+")
_ISTIO_PART: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(h|ms|m|us|ns|s)")
_UNIT_SECONDS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
# Parts of an Istio duration; Go's parser knows no bound, people need three.
_LONGEST_TEXT: Final = 64


class GatewayDuration(Duration):
    """GEP-2257: up to four whole numbers of up to five digits, each with h, m, s or ms. `0s` switches a timeout off."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `text`. Raises: ValueError, with a sentence for a person."""
        if len(text) > _LONGEST_TEXT or _GATEWAY.fullmatch(text) is None:
            raise ValueError(
                f"{quote(text)} is not a duration of Gateway API; write whole numbers with units, as in 500ms or 1m30s"
            )
        milliseconds = sum(int(number) * round(_UNIT_SECONDS[unit] * 1000) for number, unit in _GATEWAY_PART.findall(text))
        return cls(milliseconds / 1000)


class IstioDuration(Duration):
    """Go's notation, at least a millisecond: `10s`, `1.5h`, `1m30s`. `0s` is allowed and means what its field says."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `text`. Raises: ValueError, with a sentence for a person."""
        if len(text) > _LONGEST_TEXT or _ISTIO.fullmatch(text) is None:
            raise ValueError(f"{quote(text)} is not a duration; write numbers with units (h, m, s, ms), for example 30s or 1m30s")
        seconds = sum(float(number) * _UNIT_SECONDS[unit] for number, unit in _ISTIO_PART.findall(text))
        if 0 < seconds < 0.001:
            raise ValueError(f"{quote(text)} is shorter than a millisecond; write at least 1ms")
        return cls(seconds)
