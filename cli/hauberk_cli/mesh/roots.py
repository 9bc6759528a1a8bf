"""Has control announce another root."""

import click

from hauberk_cli.exit_codes import OK
from hauberk_cli.mesh.look import ask_control
from hauberk_cli.mesh.which import WhichMesh
from hauberk_control.local.messages import Rotated, RotateRoot
from hauberk_core.model.duration import Duration


def rotate_root(mesh: WhichMesh) -> int:
    """Returns: the exit code."""
    rotated = ask_control(mesh, RotateRoot(), Rotated)
    signs, drops = (Duration(float(round(seconds))) for seconds in (rotated.signs_after_seconds, rotated.drops_after_seconds))
    click.echo(f"another root is announced: {rotated.name}")
    click.echo(f"every proxy trusts it beside the old one once it has renewed its certificate; in {signs} it begins to sign")
    click.echo(f"the old one is dropped in {drops}, when the last certificate that it signed has ended")
    return OK
