"""The two forms of an answer: text for people, and JSON of a shape that programs can rely on."""

import importlib
import json
from collections.abc import Callable
from typing import Any, Final, TypeVar

import click
import msgspec

TEXT: Final = "text"
JSON: Final = "json"

_FunctionT = TypeVar("_FunctionT", bound=Callable[..., Any])


class OutputOption(click.Option):
    """`-o`, with the type of what is shown as JSON; the reference is written from it."""

    def __init__(self, *args: Any, shape: str, **kwargs: Any) -> None:
        """Args: shape - `module:name` of a struct, which is imported only when somebody asks."""
        super().__init__(*args, **kwargs)
        self._shape: Final = shape

    def shape(self) -> type[msgspec.Struct]:
        """The type of the answer as JSON."""
        module, _, name = self._shape.partition(":")
        found = getattr(importlib.import_module(module), name)
        assert isinstance(found, type)
        assert issubclass(found, msgspec.Struct)
        return found


def output_option(shape: str) -> Callable[[_FunctionT], _FunctionT]:
    """The option `-o`, passed on as `output`. Args: shape - as of `OutputOption`."""
    return click.option(
        "-o",
        "--output",
        cls=OutputOption,
        shape=shape,
        type=click.Choice([TEXT, JSON]),
        default=TEXT,
        show_default=True,
        help="Form of the answer.",
    )


def show_json(answer: msgspec.Struct) -> None:
    """Write an answer with every member, indented."""
    # Without the tags by which control's messages are told apart.
    members = {name: msgspec.to_builtins(value) for name, value in msgspec.structs.asdict(answer).items()}
    click.echo(json.dumps(members, indent=2, ensure_ascii=False))
