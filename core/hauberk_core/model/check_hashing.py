"""What can be wrong with a cluster that goes by a part of requests."""

from hauberk_core.model import syntax
from hauberk_core.model.cluster import LARGEST_HASH_RING, Cluster, HashBy
from hauberk_core.model.errors import Path, quote
from hauberk_core.model.mistake import Mistake

_HASHING = ("ring_hash", "maglev")


def check_hashing(cluster: Cluster, path: Path, mistakes: list[Mistake]) -> None:
    """Append what is wrong with what it goes by, and with the size of its table."""
    by = cluster.hash_by
    if cluster.load_balancing not in _HASHING:
        for member, given in (("hash_by", by is not None), ("hash_table_size", cluster.hash_table_size > 0)):
            if given:
                message = f"{quote(member)} is given, but {cluster.load_balancing} goes by no part of requests"
                mistakes.append(Mistake((*path, member), message, 'remove it, or write "load_balancing": "maglev"'))
        return
    if by is None:
        message = f"{cluster.load_balancing} has nothing to go by"
        hint = 'write for example "hash_by": {"header": "x-user"}'
        mistakes.append(Mistake((*path, "hash_by"), message, hint))
    else:
        _check_by(by, (*path, "hash_by"), mistakes)
    size = cluster.hash_table_size
    if cluster.load_balancing == "maglev" and size > 0 and not is_prime(size):
        message = f"Maglev's table has a prime number of entries, and {size} is none"
        mistakes.append(Mistake((*path, "hash_table_size"), message, f"write {next_prime(size)}"))
    elif cluster.load_balancing == "ring_hash" and size > LARGEST_HASH_RING:
        message = f"{size} places are too many for a ring"
        mistakes.append(Mistake((*path, "hash_table_size"), message, f"write at most {LARGEST_HASH_RING}"))


def _check_by(by: HashBy, path: Path, mistakes: list[Mistake]) -> None:
    if sum([bool(part) for part in (by.header, by.cookie, by.query, by.source_address)]) != 1:
        message = "hashing needs exactly one thing to go by"
        mistakes.append(Mistake(path, message, "write one of header, cookie, query, source_address"))
    for member, text, rule in (("header", by.header, syntax.header_name), ("cookie", by.cookie, syntax.cookie_name)):
        fault = rule(text) if text else None
        if fault is not None:
            mistakes.append(Mistake((*path, member), *fault))
    if by.cookie_lifetime is not None and not by.cookie:
        mistakes.append(Mistake((*path, "cookie_lifetime"), "a lifetime without a cookie", "add the cookie's name, or remove it"))
    fault = syntax.cookie_path(by.cookie_path)
    if fault is not None:
        mistakes.append(Mistake((*path, "cookie_path"), *fault))


def is_prime(number: int) -> bool:
    """Whether only 1 and itself divide it. Args: number - at most some ten thousand."""
    return number > 1 and all(number % divisor for divisor in range(2, int(number**0.5) + 1))


def next_prime(number: int) -> int:
    """The smallest prime from `number` on."""
    while not is_prime(number):
        number += 1
    return number
