"""What is wrong with a listener."""

from typing import Literal, NamedTuple

Aspect = Literal["Accepted", "Conflicted", "ResolvedRefs"]


class Trouble(NamedTuple):
    """What is wrong with a listener: the condition that tells it, the reason as Gateway API calls it, and for a person."""

    aspect: Aspect
    reason: str
    message: str
    hint: str
