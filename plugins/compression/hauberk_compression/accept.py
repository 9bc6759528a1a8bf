"""Whether a client takes gzip. Source: RFC 9110 sections 12.4.2 and 12.5.3."""

import re
from typing import Final

# Clients know a handful of codings.
MOST_ITEMS: Final = 32
_WEIGHT: Final = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")
_ABSENT: Final = -1.0


def takes_gzip(lines: list[str]) -> bool:
    """Whether gzip is at least as welcome as no coding at all.

    Args: lines - the values of the fields called Accept-Encoding. What does not parse is as if it were not there.
    """
    gzip = identity = others = _ABSENT
    for item in ",".join(lines).split(",", MOST_ITEMS)[:MOST_ITEMS]:
        coding, _, parameter = item.partition(";")
        weight = _weight(parameter)
        if weight < 0.0:
            continue
        name = coding.strip(" \t").lower()
        if name in {"gzip", "x-gzip"}:
            gzip = weight if weight > gzip else gzip
        elif name == "identity":
            identity = weight
        elif name == "*":
            others = weight
    if gzip < 0.0:
        gzip = others
    # Who does not speak of it takes a body without coding, and likes one with a coding that was named better.
    return gzip > 0.0 and gzip >= identity


def _weight(parameter: str) -> float:
    """0 to 1, or negative for what is no weight."""
    text = parameter.strip(" \t")
    if not text:
        return 1.0
    name, equals, value = text.partition("=")
    if not equals or name.strip(" \t").lower() != "q" or _WEIGHT.fullmatch(value.strip(" \t")) is None:
        return -1.0
    return float(value)
