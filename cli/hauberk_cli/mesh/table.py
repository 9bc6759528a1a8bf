"""Rows in columns."""

from collections.abc import Sequence

import click

from hauberk_cli.mesh.words import printable


def show_table(rows: Sequence[tuple[str, ...]]) -> None:
    """Write rows of equal length, the first of which are the headings."""
    safe = [[printable(cell) for cell in row] for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(*safe, strict=True)]
    for row in safe:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
