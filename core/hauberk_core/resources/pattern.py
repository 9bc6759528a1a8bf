"""Regular expressions in objects.

They are tried when the object is read: a condition that nobody understands takes no requests, and a rule with it would leave
those that it is meant to hold back to the next rule. So the object is refused as a whole, and the last right one stays in force,
as it does with Istio, whose webhook refuses it.
"""

from hauberk_core.model.errors import quote
from hauberk_core.model.mistake import Mistake
from hauberk_core.route.regular_expression import RegularExpression


def wrong_pattern(field: str, pattern: str) -> list[Mistake]:
    """What is wrong with an expression. Args: field - the written name of its field."""
    try:
        RegularExpression(pattern)
    except ValueError as error:
        return [Mistake((field,), f"{quote(pattern)} {error}", "write it in RE2's syntax")]
    return []
