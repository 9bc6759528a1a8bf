"""Reads the addresses among `hauberk proxy`'s options: texts become checked values at the edge."""

import click

from hauberk_cli.proxy.address import ProxyAddress, parse_proxy_address
from hauberk_core.model.address import Address, parse_address


def read_proxy_addresses(ctx: click.Context, param: click.Parameter, texts: tuple[str, ...]) -> tuple[ProxyAddress, ...]:
    """A click callback for a repeatable `[scheme://][host]:port`. Raises: click.BadParameter."""
    try:
        return tuple([parse_proxy_address(text) for text in texts])
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from None


def read_address(ctx: click.Context, param: click.Parameter, text: str | None) -> Address | None:
    """A click callback for an optional `[host]:port`. Raises: click.BadParameter."""
    try:
        return None if text is None else parse_address(text)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from None
