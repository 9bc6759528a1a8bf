"""Kinds that plugins bring are read as strictly as the core's."""

from typing import ClassVar

import msgspec
import pytest

from hauberk_core.model.duration import Duration
from hauberk_core.resources import Resource, Service
from hauberk_core.resources.read import read_file
from hauberk_core.resources.registry import CORE_KINDS, RESOURCES, Kinds


class GreetingSpec(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What a plugin may want to be told."""

    first_word: str
    pause: Duration = Duration(1.0)


class Greeting(Resource, frozen=True, kw_only=True):
    """A plugin's kind."""

    GROUP: ClassVar[str] = "greetings.example.com"
    KIND: ClassVar[str] = "Greeting"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1", "v1beta1")

    spec: GreetingSpec


class OwnService(Greeting, frozen=True, kw_only=True):
    """Called as one of the core's."""

    GROUP: ClassVar[str] = ""
    KIND: ClassVar[str] = "Service"


class OddSpec(msgspec.Struct, frozen=True):
    """With a field that cannot be checked."""

    pair: tuple[int, ...] | dict[str, int] = ()


class OddGreeting(Resource, frozen=True, kw_only=True):
    """A plugin's kind that cannot be checked."""

    GROUP: ClassVar[str] = "greetings.example.com"
    KIND: ClassVar[str] = "Greeting"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1",)

    spec: OddSpec


KINDS = CORE_KINDS.with_kinds([Greeting])


def _text(spec: str, version: str = "v1") -> bytes:
    return f"apiVersion: greetings.example.com/{version}\nkind: Greeting\nmetadata: {{name: g}}\nspec: {spec}\n".encode()


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_an_object_of_a_plugins_kind(version: str) -> None:
    read = read_file(_text("{firstWord: hello, pause: 2s}", version), "x.yaml", kinds=KINDS)
    assert read.errors == ()
    (item,) = read.objects
    assert isinstance(item.value, Greeting)
    assert item.value.metadata.namespace == "default"
    assert item.value.spec == GreetingSpec(first_word="hello", pause=Duration(2.0))


@pytest.mark.parametrize(
    ("spec", "version", "line", "column", "message"),
    [
        ("{firstWrd: hello}", "v1", 4, 8, "no member is called 'firstWrd'"),
        ("{firstWord: 1}", "v1", 4, 19, "expected text, got 1"),
        ("{firstWord: a, pause: 2}", "v1", 4, 29, "expected a duration"),
        ("{firstWord: a}", "v2", 1, 13, "Greeting is not served in"),
    ],
)
def test_its_mistakes_have_their_places(spec: str, version: str, line: int, column: int, message: str) -> None:
    (error,) = read_file(_text(spec, version), "x.yaml", kinds=KINDS).errors
    assert (error.line, error.column) == (line, column)
    assert message in error.message


def test_a_misspelt_plugins_kind_is_told_its_name() -> None:
    (error,) = read_file(_text("{}").replace(b"kind: Greeting", b"kind: Greting"), "x.yaml", kinds=KINDS).errors
    assert "did you mean 'Greeting'?" in error.hint


def test_without_the_plugin_its_objects_are_passed_over() -> None:
    read = read_file(_text("{firstWord: hello}"), "x.yaml")
    assert read.objects == ()
    assert [error.severity for error in read.errors] == ["warning"]


def test_a_plugin_cannot_change_a_kind_of_the_core() -> None:
    with pytest.raises(ValueError, match="two kinds called Service"):
        CORE_KINDS.with_kinds([OwnService])


def test_a_kind_that_cannot_be_checked_is_refused_with_its_reason() -> None:
    (error,) = read_file(_text("{pair: [1]}"), "x.yaml", kinds=Kinds([OddGreeting])).errors
    assert "cannot be read" in error.message


def test_every_kind_of_the_core_is_found_in_every_version() -> None:
    for kind in RESOURCES:
        assert issubclass(kind, Resource)
        for version in kind.VERSIONS:
            assert CORE_KINDS.find(f"{kind.GROUP}/{version}".removeprefix("/"), kind.KIND) is kind
    assert CORE_KINDS.find("v1", "Service") is Service
