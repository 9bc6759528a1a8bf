"""`hauberk completion`."""

from typing import Final

import click
from click.shell_completion import get_completion_class

_SHELLS: Final = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    \b
    Examples:
      bash:  echo 'eval "$(hauberk completion bash)"' >> ~/.bashrc
      zsh:   echo 'eval "$(hauberk completion zsh)"' >> ~/.zshrc
      fish:  hauberk completion fish > ~/.config/fish/completions/hauberk.fish
    """
    script = get_completion_class(shell)
    assert script is not None
    root = ctx.find_root()
    # Rendered from click's template, without its question to bash for a version: bash need not be installed here.
    completer = script(root.command, {}, "hauberk", "_HAUBERK_COMPLETE")
    click.echo(completer.source_template % completer.source_vars())
