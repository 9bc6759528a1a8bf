"""The forms of annotations' values. Each reader raises ValueError: what is wrong, a semicolon, and what to write."""

import ipaddress
import re
from decimal import Decimal, InvalidOperation
from typing import Final

import msgspec

from hauberk_control.inject.json_object import JsonObject
from hauberk_core.model.errors import quote

ALL: Final = "*"
# Kubernetes' API conventions for quantities: a decimal number, then a power of 1024, of 1000, or of ten.
_QUANTITY: Final = re.compile(r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))(?:([KMGTPE]i)|([numkMGTPE])|[eE]([+-]?[0-9]{1,3}))?")
_BINARY: Final[dict[str, int]] = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL: Final = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_LONGEST_QUANTITY: Final = 64
# Go's strconv.ParseBool, by which Istio reads.
_BOOLEANS: Final = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}
# A rule of capture for each; nobody has as many.
_MOST_ITEMS: Final = 256


def boolean(text: str) -> bool:
    """`true` or `false`, and Go's other ways to write them."""
    if text not in _BOOLEANS:
        raise ValueError(f"{quote(text)} is neither true nor false; write one of them, in quotes")
    return _BOOLEANS[text]


def whole_number(text: str) -> int:
    """A number from 1 on."""
    if not text.isascii() or not text.isdecimal() or len(text) > 9 or int(text) < 1:
        raise ValueError(f"{quote(text)} is no whole number above zero; write for example 15")
    return int(text)


def port_list(text: str) -> str:
    """Ports with commas between, or nothing. Returns: the same without blanks."""
    items = _items(text)
    for item in items:
        if not item.isascii() or not item.isdecimal() or len(item) > 5 or not 1 <= int(item) <= 65535:
            raise ValueError(f"{quote(item)} is no port; write numbers from 1 to 65535 with commas between, as in 80,443")
    return ",".join(items)


def all_or_ports(text: str) -> str:
    """The same, or an asterisk for all."""
    return ALL if text.strip() == ALL else port_list(text)


def range_list(text: str) -> str:
    """Address ranges with commas between, or nothing. Returns: the same without blanks."""
    items = _items(text)
    for item in items:
        try:
            ipaddress.ip_network(item, strict=False)
        except ValueError:
            message = f"{quote(item)} is no range of addresses; write ranges with commas between, as in 10.0.0.0/8,fd00::/8"
            raise ValueError(message) from None
    return ",".join(items)


def all_or_ranges(text: str) -> str:
    """The same, or an asterisk for all."""
    return ALL if text.strip() == ALL else range_list(text)


def quantity(text: str) -> Decimal:
    """An amount of CPU or memory, as Kubernetes writes it: `100m`, `0.5`, `128Mi`."""
    match = _QUANTITY.fullmatch(text) if len(text) <= _LONGEST_QUANTITY else None
    if match is None:
        raise ValueError(f"{quote(text)} is no amount; write for example 100m for CPU, or 128Mi for memory")
    number, binary, decimal, exponent = match.groups()
    try:
        if binary:
            return Decimal(number) * Decimal(2) ** _BINARY[binary]
        return Decimal(number).scaleb(_DECIMAL[decimal] if decimal else int(exponent or 0))
    except InvalidOperation:
        raise ValueError(f"{quote(text)} is too long a number; round it") from None


def positive_quantity(text: str) -> str:
    """The text of an amount above zero."""
    if quantity(text) <= 0:
        raise ValueError(f"{quote(text)} is nothing; write an amount above zero")
    return text


def image_name(text: str) -> str:
    """The name of an image."""
    if not text or any(character.isspace() for character in text):
        raise ValueError(f"{quote(text)} is no image's name; write for example example.com/hauberk-proxy:1.0")
    return text


def named_objects(text: str) -> list[JsonObject]:
    """JSON: objects by their names, or a list of objects that have names."""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f'no JSON ({error}); write for example {{"a-name": {{...}}}}') from None
    try:
        if isinstance(value, dict):
            by_name = msgspec.convert(value, dict[str, JsonObject])
            return [{"name": name, **described} for name, described in by_name.items()]
        listed = msgspec.convert(value, list[JsonObject])
    except msgspec.ValidationError:
        raise ValueError('neither an object of objects nor a list of objects; write {"a-name": {...}}') from None
    if not all(isinstance(item.get("name"), str) and item["name"] for item in listed):
        raise ValueError("an object without a name; give each a member name")
    return listed


def _items(text: str) -> list[str]:
    items = [item.strip() for item in text.split(",")] if text.strip() else []
    if len(items) > _MOST_ITEMS:
        raise ValueError(f"{len(items)} items, {_MOST_ITEMS} are allowed; write ranges, or what is left out instead")
    return items
