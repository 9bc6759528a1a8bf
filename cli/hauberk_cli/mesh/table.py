"""Rows in columns."""

from collections.abc import Sequence

import click


def show_table(rows: Sequence[tuple[str, ...]]) -> None:
    """Write rows of equal length, the first of which are the headings."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
