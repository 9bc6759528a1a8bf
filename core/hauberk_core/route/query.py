"""Query parameters as routing compares them (the form encoding of the URL standard, section 5.1)."""

from typing import Final

# A route asks for a handful. What stands behind this many is not seen, so that a query of 30,000 empty pairs costs little.
MOST_PARAMETERS: Final = 256
NO_PARAMETERS: Final[dict[str, str]] = {}

_DIGITS: Final[dict[str, int]] = {digit: int(digit, 16) for digit in "0123456789abcdefABCDEF"}


def octets(text: str) -> str:
    """Configured text as `decode` gives it when it arrives: its UTF-8 octets as latin-1 (RFC 3987 section 3.1)."""
    return text if text.isascii() else text.encode("utf-8", "surrogatepass").decode("latin-1")


def decode(text: str) -> str:
    """`text` with `+` as a blank and `%41` as the octet it stands for; a malformed escape stays as it is.

    Returns: latin-1 text, one character for each octet.
    """
    if "+" in text:
        text = text.replace("+", " ")
    if "%" not in text:
        return text
    pieces = text.split("%")
    decoded = [pieces[0]]
    for index in range(1, len(pieces)):
        piece = pieces[index]
        high = _DIGITS.get(piece[:1], -1)
        low = _DIGITS.get(piece[1:2], -1)
        if high < 0 or low < 0:
            decoded.append("%" + piece)
        else:
            decoded.append(chr(high * 16 + low))
            decoded.append(piece[2:])
    return "".join(decoded)


def parameters(query: str) -> dict[str, str]:
    """Each parameter's first value by its name, both decoded.

    Args: query - with its leading `?`, or empty.
    """
    found: dict[str, str] = {}
    start = 1
    length = len(query)
    count = 0
    while start < length and count < MOST_PARAMETERS:
        end = query.find("&", start)
        if end < 0:
            end = length
        equals = query.find("=", start, end)
        if equals < 0:
            name = decode(query[start:end])
            value = ""
        else:
            name = decode(query[start:equals])
            value = decode(query[equals + 1 : end])
        if name not in found:
            found[name] = value
        count += 1
        start = end + 1
    return found
