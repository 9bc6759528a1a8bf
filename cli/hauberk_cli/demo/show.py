"""What the demo writes to the terminal. Colour on a terminal only, and not with NO_COLOR."""

from typing import Final

import click

from hauberk_cli.demo.traffic import Tally

NAME_WIDTH: Final = 12
CHECK_WIDTH: Final = 44


def heading(text: str) -> None:
    """A line that opens a section."""
    click.secho(text, bold=True)


def progress(name: str, where: str, seconds: float) -> None:
    """A part that answers now, `seconds` after it was started."""
    click.echo(f"  {click.style('ready', fg='green')}  {name:<{NAME_WIDTH}} {where:<48} {seconds * 1000:5.0f} ms")


def fact(name: str, text: str) -> None:
    """Something to know about the running demo."""
    click.echo(f"  {click.style(f'{name:<{NAME_WIDTH}}', fg='cyan')} {text}")


def blank() -> None:
    """An empty line."""
    click.echo()


def rates(tally: Tally, seconds: float) -> None:
    """One line about the traffic of the last `seconds`."""
    shares = "  ".join(f"{version} {tally.share(version):4.0%}" for version in ("v1", "v2", "v3"))
    errors = f"errors {tally.errors}"
    if tally.errors:
        errors = click.style(f"{errors} ({tally.last_error})", fg="red")
    times = f"p50 {tally.quantile(0.5) * 1000:.0f} ms  p99 {tally.quantile(0.99) * 1000:.0f} ms"
    click.echo(f"  {tally.requests / seconds:5.1f} requests/s  {shares}  {times}  {errors}")


def part_says(part: str, line: str) -> None:
    """A line that a part of the demo wrote to its log."""
    # What a log says may come from a file that anybody wrote: nothing in it may steer the terminal.
    plain = "".join(character if character.isprintable() else "?" for character in line)
    click.secho(f"  {part} | {plain}", dim=True)


def check(name: str, passed: bool, figures: str) -> None:
    """The outcome of one check."""
    word = click.style("pass", fg="green") if passed else click.style("FAIL", fg="red", bold=True)
    click.echo(f"  {word}  {name:<{CHECK_WIDTH}} {figures}")
