"""Leaves of manifests that depend on the values.

Each can be said in two ways: as what it is for given values, and as what Helm is to make of values that it has later. So the
chart and `hauberk install --render` cannot differ.
"""

import abc
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple


class Release(NamedTuple):
    """What an installation is made from."""

    namespace: str
    values: Mapping[str, object]
    """Plain, by their written names, with every default."""


class Expression(abc.ABC):
    """A leaf."""

    @abc.abstractmethod
    def resolve(self, release: Release) -> object:
        """What it is."""

    @abc.abstractmethod
    def helm(self) -> str:
        """The same as an operand in a template of Helm."""


class Value(Expression):
    """One of the values."""

    def __init__(self, path: str) -> None:
        """Args: path - written names with dots between."""
        self._path: Final = path

    def resolve(self, release: Release) -> object:
        found: object = release.values
        for name in self._path.split("."):
            assert isinstance(found, Mapping)
            found = found[name]
        return found

    def helm(self) -> str:
        return f".Values.{self._path}"


class Namespace(Expression):
    """Where control is installed."""

    def resolve(self, release: Release) -> object:
        return release.namespace

    def helm(self) -> str:
        return ".Release.Namespace"


class Text(Expression):
    """Texts and leaves, one after the other."""

    def __init__(self, *parts: str | Expression) -> None:
        self._parts: Final = parts

    def resolve(self, release: Release) -> object:
        return "".join([str(resolved(part, release)) for part in self._parts])

    def helm(self) -> str:
        form = "".join(["%v" if isinstance(part, Expression) else part.replace("%", "%%") for part in self._parts])
        leaves = [part.helm() for part in self._parts if isinstance(part, Expression)]
        return f"({' '.join(['printf', json.dumps(form), *leaves])})"


class Helper(Expression):
    """Something that both sides work out by a few lines of their own."""

    def __init__(self, name: str, work_out: Callable[[Release], object], template: str, *, is_list: bool = False) -> None:
        """Args: template - what Helm's template of this name says; is_list - it says a list, as JSON, and otherwise a text."""
        self.name: Final = name
        self.template: Final = template
        self._work_out: Final = work_out
        self._is_list: Final = is_list

    def resolve(self, release: Release) -> object:
        return self._work_out(release)

    def helm(self) -> str:
        return f'(include "{self.name}" .{" | fromJsonArray" if self._is_list else ""})'


class Json(Expression):
    """A manifest as one line of JSON."""

    def __init__(self, value: object) -> None:
        self._value: Final = value

    def resolve(self, release: Release) -> object:
        # As Helm writes it: sorted, without spaces, and with what could be taken for HTML as escapes.
        text = json.dumps(resolved(self._value, release), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")

    def helm(self) -> str:
        return f"({operand(self._value)} | toJson)"


class ChartFile(Expression):
    """The text of a file that the chart has beside its templates: Helm does not look for templates of its own in there."""

    def __init__(self, name: str, text: str) -> None:
        self.name: Final = name
        self.text: Final = text

    def resolve(self, release: Release) -> object:
        return self.text

    def helm(self) -> str:
        return f"(.Files.Get {json.dumps(self.name)})"


class ChartData(ChartFile):
    """What such a file says, as an object."""

    def __init__(self, name: str, value: Mapping[str, object]) -> None:
        super().__init__(name, json.dumps(value, indent=2, ensure_ascii=False) + "\n")
        self._value: Final = value

    def resolve(self, release: Release) -> object:
        return self._value

    def helm(self) -> str:
        return f"({super().helm()} | fromJson)"


class Merged(Expression):
    """A map of somebody's own, under one of ours."""

    def __init__(self, ours: Mapping[str, object], theirs: Expression) -> None:
        self._ours: Final = ours
        self._theirs: Final = theirs

    def resolve(self, release: Release) -> object:
        theirs, ours = self._theirs.resolve(release), resolved(self._ours, release)
        assert isinstance(theirs, Mapping)
        assert isinstance(ours, Mapping)
        return {**theirs, **ours}

    def helm(self) -> str:
        return f"(merge {operand(self._ours)} {self._theirs.helm()})"


class Equal(Expression):
    """Whether a leaf is a certain text."""

    def __init__(self, left: Expression, right: str) -> None:
        self._left: Final = left
        self._right: Final = right

    def resolve(self, release: Release) -> object:
        return self._left.resolve(release) == self._right

    def helm(self) -> str:
        return f"(eq {self._left.helm()} {json.dumps(self._right)})"


class Every(Expression):
    """Whether all of several leaves are true."""

    def __init__(self, *conditions: Expression) -> None:
        self._conditions: Final = conditions

    def resolve(self, release: Release) -> object:
        return all(condition.resolve(release) for condition in self._conditions)

    def helm(self) -> str:
        return f"(and {' '.join([condition.helm() for condition in self._conditions])})"


class Digest(Expression):
    """The SHA-256 of a text, so that pods are replaced when what they read has changed."""

    def __init__(self, text: Expression) -> None:
        self._text: Final = text

    def resolve(self, release: Release) -> object:
        return hashlib.sha256(str(self._text.resolve(release)).encode()).hexdigest()

    def helm(self) -> str:
        return f"({self._text.helm()} | sha256sum)"


def resolved(value: object, release: Release) -> object:
    """A manifest, or a piece of one, without expressions."""
    if isinstance(value, Expression):
        return value.resolve(release)
    if isinstance(value, Mapping):
        return {name: resolved(item, release) for name, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [resolved(item, release) for item in value]
    return value


def operand(value: object) -> str:
    """A piece of a manifest as an operand in a template."""
    if isinstance(value, Expression):
        return value.helm()
    if isinstance(value, Mapping):
        return f"(dict {' '.join([f'{json.dumps(name)} {operand(item)}' for name, item in value.items()])})"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"(list {' '.join([operand(item) for item in value])})"
    return json.dumps(value)
