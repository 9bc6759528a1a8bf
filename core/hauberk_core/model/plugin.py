"""A plugin's own configuration, carried unread by the core."""

from typing import Annotated, Final, Literal, TypeVar

import msgspec

from hauberk_core.model.duration import Duration

# Deeper than any hand-written configuration, and far from the interpreter's recursion limit in whatever code walks it.
DEEPEST: Final = 32


Config = TypeVar("Config", bound=msgspec.Struct)


def read_config(config: dict[str, object], kind: type[Config]) -> Config:
    """A plugin's configuration as a struct of its own, whose members may be durations.

    Raises: ValueError (msgspec.ValidationError is one), with a sentence that names the wrong member.
    """
    return msgspec.convert(config, kind, dec_hook=_read_duration)


def _read_duration(kind: type, value: object) -> object:
    if kind is Duration and isinstance(value, str):
        return Duration.parse(value)
    raise ValueError("write a duration, for example 30s")


class JsonObject:
    """A JSON object as canonical text: sorted keys, no blanks. Equal objects are equal, however they were written."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text: Final = text

    @classmethod
    def of(cls, value: object) -> "JsonObject":
        """Keep a decoded JSON value.

        Raises: ValueError, with a sentence for a person, if it is no object or nests deeper than 32 levels.
        """
        if not isinstance(value, dict):
            raise ValueError('a plugin\'s configuration is a JSON object; write it in braces, for example {"enabled": true}')
        level: list[object] = [value]
        depth = 0
        while level:
            depth += 1
            if depth > DEEPEST:
                raise ValueError(f"nested deeper than the {DEEPEST} levels a plugin's configuration may have; flatten it")
            below: list[object] = []
            for item in level:
                if isinstance(item, dict):
                    below.extend(item.values())
                elif isinstance(item, list):
                    below.extend(item)
            level = below
        return cls(msgspec.json.encode(value, order="sorted").decode())

    def decode(self) -> dict[str, object]:
        """The object as Python values."""
        return msgspec.json.decode(self.text, type=dict[str, object])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, JsonObject) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"JsonObject({self.text})"


Phase = Literal["authn", "authz", "admission", "traffic", "stats"]
"""What a plugin is for decides when it has its turn: who is it, may they, is there room, where to, how was it."""

PHASES: Final[tuple[Phase, ...]] = ("authn", "authz", "admission", "traffic", "stats")
"""In the order in which requests pass them; responses pass them in reverse."""


class PluginConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One use of one plugin, named by the entry point under which it was found."""

    plugin: str
    """Its name, as `hauberk plugin list` shows it."""
    phase: Phase = "traffic"
    """Plugins of one place have their turns in the order `authn`, `authz`, `admission`, `traffic`, `stats`."""
    priority: Annotated[int, msgspec.Meta(ge=-1_000_000, le=1_000_000)] = 0
    """Within a phase the smaller comes first; of equals, the one listed first."""
    failure: Literal["open", "closed"] = "closed"
    """What becomes of a request whose filter fails: `open` goes on without it, `closed` answers 503."""
    timeout: Duration = Duration(5.0)
    """One step of an asynchronous filter; longer is a failure. At least `1ms`."""
    config: JsonObject = JsonObject("{}")
    """Whatever the plugin understands."""
    missing: str = ""
    """Why this proxy cannot use the plugin, as control knows: it is not looked for, as if its filter failed for each request."""
