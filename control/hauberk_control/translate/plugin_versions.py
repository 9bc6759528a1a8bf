"""Which versions of a plugin a policy is content with, written as Python's packages write it: `>=1.2,<2`.

Source: the version specifiers of PyPA's specifications, formerly PEP 440.
"""

from typing import Final

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from hauberk_core.model.errors import quote
from hauberk_core.model.syntax import Fault

LONGEST_VERSIONS: Final = 128
"""Characters; two bounds and a few exclusions."""


def versions_fault(text: str) -> Fault | None:
    """What is wrong with the versions that a policy wants, for a person; None: nothing."""
    hint = "write for example >=1.2,<2"
    if len(text) > LONGEST_VERSIONS:
        return f"{len(text)} characters are too many for the versions of a plugin; {LONGEST_VERSIONS} are allowed", hint
    try:
        SpecifierSet(text)
    except InvalidSpecifier:
        return f"{quote(text)} names no versions", hint
    return None


def suits(wanted: str, installed: str) -> bool:
    """Whether a version is one of those wanted. Early releases count: 2.0rc1 is one of >=1, and none of <2.

    Args: wanted - without a fault; empty: any. installed - of the package, as the proxy says; what is no version suits nobody.
    """
    if not wanted:
        return True
    try:
        version = Version(installed)
    except InvalidVersion:
        return False
    return SpecifierSet(wanted).contains(version, prereleases=True)
