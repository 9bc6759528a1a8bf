"""How the command tells a person what went wrong: what, and then what to type next."""

from typing import Final

import click

from hauberk_cli.exit_codes import CHECK_FAILED, NOT_STARTED


class CommandError(click.ClickException):
    """The command line is right, but its work cannot begin."""

    exit_code = NOT_STARTED

    def __init__(self, message: str, next_step: str) -> None:
        super().__init__(message)
        self.next_step: Final = next_step
        """A command to type, or a sentence that says what to change."""


class CheckFailed(CommandError):
    """The work was done, and what was asked for is not so."""

    exit_code = CHECK_FAILED


def tell(error: click.ClickException, color: bool | None) -> None:
    """Write an error to standard error."""
    message = error.format_message()
    _write_line("error: ", "red", message, color)
    next_step = _next_step(error)
    if next_step:
        _write_line(" next: ", "cyan", next_step, color)


def _write_line(label: str, colour: str, text: str, color: bool | None) -> None:
    click.echo(click.style(label, fg=colour, bold=True) + text, err=True, color=color)


def _next_step(error: click.ClickException) -> str:
    if isinstance(error, CommandError):
        return error.next_step
    context = error.ctx if isinstance(error, click.UsageError) else None
    return f"{context.command_path} --help" if context is not None else "hauberk --help"
