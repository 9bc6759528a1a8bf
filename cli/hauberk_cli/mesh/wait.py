"""Waits until what is in the files is in force at the proxies, and tells what keeps it from that."""

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import click
import msgspec
import trio

from hauberk_cli.errors import CheckFailed, CommandError
from hauberk_cli.exit_codes import CHECK_FAILED, OK
from hauberk_cli.mesh.connect import Connection, next_command, open_connection
from hauberk_cli.mesh.look import is_bad
from hauberk_cli.mesh.proxies import full_name, is_refusing
from hauberk_cli.mesh.which import InCluster, WhichMesh
from hauberk_cli.mesh.words import age, printable
from hauberk_cli.output import show_json
from hauberk_control.local.client import ControlAway, ControlRefused, find_mesh
from hauberk_control.local.messages import (
    AskObjects,
    AskProgress,
    AskStatus,
    ConditionRow,
    ObjectRow,
    Objects,
    Progress,
    ProxyRow,
    Status,
)
from hauberk_core.model.duration import Duration
from hauberk_core.model.suggest import nearest

# Control answers in a few milliseconds; a script does not notice the pause.
_LOOK_SECONDS: Final = 0.1
# Who gives no time wants to know how things are now.
_FIRST_LOOK_SECONDS: Final = 2.0
# kubectl asks the API server thrice, and a program has to start in control's pod.
_FIRST_LOOK_AT_CLUSTER_SECONDS: Final = 30.0
# Control may be busy translating; a question that takes longer is asked again.
_ANSWER_SECONDS: Final = 10.0
# Somebody at a terminal should not wonder longer than this.
_TELL_SECONDS: Final = 2.0


class Lag(msgspec.Struct, frozen=True, kw_only=True):
    """What something still waits for."""

    what: str
    """A proxy, an object, a file, or control."""
    why: str
    """What keeps it."""
    next: str
    """What to type, or to change."""


class Waited(msgspec.Struct, frozen=True, kw_only=True):
    """What became of waiting."""

    done: bool
    """Whether everything that was waited for is so."""
    waited_seconds: float
    """How long that took, or was tried."""
    proxies: list[str]
    """Those that have everything, as `hauberk proxies` calls them."""
    lagging: list[Lag]
    """What was missing at the end; empty if all is done."""
    refused: list[str]
    """`KIND/NAMESPACE/NAME` of objects that are refused, or a part of them, where all were waited for; see `hauberk status`."""


class Wanted(NamedTuple):
    """What is waited for."""

    objects: tuple[str, ...] = ()
    """`KIND/NAME` or `KIND/NAMESPACE/NAME`; none: whatever there is."""
    files: tuple[Path, ...] = ()
    """Only what these hold, and files below them; none: all files."""
    proxies: tuple[str, ...] = ()
    """Names of proxies, which have to be connected; none: all that are, or should be."""


class _Look(NamedTuple):
    """What was seen at one look."""

    lagging: list[Lag]
    proxies: list[str]
    hopeless: bool = False
    """Waiting longer changes nothing."""
    refused: tuple[str, ...] = ()
    """As in `Waited`."""


def read_timeout(text: str) -> float:
    """Seconds, from a number of them or from a duration. Raises: click.BadParameter."""
    try:
        return Duration.parse(f"{text}s" if text.replace(".", "", 1).isdigit() else text).seconds
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--timeout") from error


def wait_for(mesh: WhichMesh, wanted: Wanted, seconds: float, as_json: bool) -> int:
    """Wait for at most `seconds`. Returns: the exit code. Raises: CommandError, CheckFailed."""
    for name in wanted.objects:
        if not all(name.split("/")) or name.count("/") not in (1, 2):
            raise click.BadParameter(f"{name!r} is no KIND/NAME or KIND/NAMESPACE/NAME", param_hint="OBJECT")
    if isinstance(mesh, InCluster):
        if wanted.files:
            raise click.BadParameter("objects of a cluster stand in no files; name the objects", param_hint="--file")
        where: Path | InCluster = mesh
    else:
        try:
            where = find_mesh(mesh)
        except ControlAway as error:
            raise CommandError(str(error), next_command(mesh)) from error
    waited = trio.run(_wait, where, wanted, seconds)
    if as_json:
        show_json(waited)
        return OK if waited.done else CHECK_FAILED
    if waited.done:
        names = ", ".join([printable(name) for name in waited.proxies]) or "no proxy is connected"
        click.echo(f"done after {waited.waited_seconds:.1f} s: {names}")
        if waited.refused:
            told = ", ".join([printable(name) for name in waited.refused])
            click.secho(f"refused, all of it or a part: {told}; hauberk status tells why", fg="yellow", err=True)
        return OK
    for lag in waited.lagging:
        why = "\n".join([printable(line) for line in lag.why.splitlines()])
        # A mistake in a file names its place itself, and with it the file.
        told = why if why.startswith(f"{lag.what}:") else f"{printable(lag.what)}: {why}"
        click.secho(told, fg="red", err=True)
    if waited.waited_seconds < seconds:
        raise CheckFailed("waiting would not help: this has to be corrected first", waited.lagging[0].next)
    raise CheckFailed(f"not done after {waited.waited_seconds:.1f} s", waited.lagging[0].next)


async def _wait(mesh: Path | InCluster, wanted: Wanted, seconds: float) -> Waited:
    begun = trio.current_time()
    looks = _Looks(mesh, wanted, begun + seconds)
    first_look = _FIRST_LOOK_AT_CLUSTER_SECONDS if isinstance(mesh, InCluster) else _FIRST_LOOK_SECONDS
    with trio.move_on_after(max(seconds, first_look)):
        await looks.run()
    return Waited(
        done=not looks.last.lagging,
        waited_seconds=round(trio.current_time() - begun, 3),
        proxies=looks.last.proxies,
        lagging=looks.last.lagging,
        refused=list(looks.last.refused),
    )


class _Looks:
    """Looks at a mesh, again and again."""

    def __init__(self, mesh: Path | InCluster, wanted: Wanted, until: float) -> None:
        self._mesh: Final = mesh
        self._wanted: Final = wanted
        self._until: Final = until
        self._tell_at = trio.current_time() + _TELL_SECONDS
        self.last = self._away("it has not answered yet")

    async def run(self) -> None:
        """Look until there is nothing to wait for any more, or time is up. Also a control that is just starting is waited for."""
        while True:
            try:
                async with open_connection(self._mesh) as connection:
                    while True:
                        with trio.fail_after(_ANSWER_SECONDS):
                            self.last = await _ask(connection, self._mesh, self._wanted)
                        if self.last.hopeless or not self.last.lagging or self._is_over():
                            return
                        self._tell()
                        await trio.sleep(_LOOK_SECONDS)
            except (ControlAway, ControlRefused, trio.TooSlowError) as error:
                self.last = self._away(str(error) or "it does not answer")
                if self._is_over():
                    return
                self._tell()
                await trio.sleep(_LOOK_SECONDS)

    def _tell(self) -> None:
        """Say once, to a terminal, what is waited for."""
        if trio.current_time() >= self._tell_at and sys.stderr.isatty():
            self._tell_at = math.inf
            lag = self.last.lagging[0]
            click.echo(f"waiting for {printable(lag.what)}: {printable(lag.why.partition(chr(10))[0])}", err=True)

    def _is_over(self) -> bool:
        return trio.current_time() >= self._until

    def _away(self, why: str) -> _Look:
        start = next_command(self._mesh) if isinstance(self._mesh, InCluster) else f"hauberk up {self._mesh}"
        return _Look([Lag(what="control", why=why, next=start)], [])


async def _ask(connection: Connection, mesh: Path | InCluster, wanted: Wanted) -> _Look:
    """Raises: ControlAway, ControlRefused."""
    progress = await connection.ask(AskProgress(), Progress)
    unread = [
        Lag(what=file, why="control has not read it yet, or it keeps changing", next="hauberk status")
        for file in progress.unread
        if _concerns(mesh, file, wanted.files)
    ]
    if unread:
        return _Look(unread, [])
    # Of named objects' files, their own conditions and places tell.
    mistakes = [] if wanted.objects and not wanted.files else progress.problems
    broken = [
        Lag(what=problem.file, why=problem.text, next=f"correct {problem.file}, then: hauberk wait")
        for problem in mistakes
        if _concerns(mesh, problem.file, wanted.files)
    ]
    if broken:
        return _Look(broken, [], hopeless=True)
    if wanted.objects:
        objects = (await connection.ask(AskObjects(), Objects)).objects
        status = await connection.ask(AskStatus(), Status)
        faults = _object_faults(wanted.objects, objects, status.conditions, progress)
        if faults.lagging:
            return faults
    lagging = _lagging(progress, wanted.proxies)
    behind = {lag.what for lag in lagging}
    names = [name for name in map(full_name, progress.proxies) if name not in behind]
    refused: list[str] = []
    if not lagging and wanted == Wanted():
        conditions = (await connection.ask(AskStatus(), Status)).conditions
        refused = [f"{row.kind}/{row.namespace}/{row.name}" for row in conditions if is_bad(row)]
    served = [name for name in names if not wanted.proxies or is_named(name, wanted.proxies)]
    return _Look(lagging, served, refused=tuple(dict.fromkeys(refused)))


def _concerns(mesh: Path | InCluster, file: str, files: Sequence[Path]) -> bool:
    """Whether a file is, or is below, one of `files`; none: all are. A cluster has no files to choose from."""
    return not files or isinstance(mesh, InCluster) or any((mesh / file).is_relative_to(wanted.resolve()) for wanted in files)


def is_named(name: str, names: Sequence[str]) -> bool:
    """Whether a proxy `namespace/name` is among `names`, which may leave out the namespace."""
    return name in names or name.rpartition("/")[2] in names


def _lagging(progress: Progress, only: Sequence[str]) -> list[Lag]:
    """Proxies that are not there, or do not have the latest configuration."""
    lagging = [
        Lag(what=proxy.name, why=f"the {proxy.role} is not connected", next=_start_of(proxy.role))
        for proxy in progress.absent
        if not only or is_named(proxy.name, only)
    ]
    known = [full_name(proxy) for proxy in progress.proxies] + [proxy.name for proxy in progress.absent]
    lagging += [
        Lag(what=name, why="no proxy of this name is connected", next="hauberk proxies")
        for name in only
        if not any(is_named(one, [name]) for one in known)
    ]
    for proxy in progress.proxies:
        name = full_name(proxy)
        if not proxy.current and (not only or is_named(name, only)):
            lagging.append(Lag(what=name, why=_why_behind(proxy), next="hauberk proxies"))
    return lagging


def _start_of(role: str) -> str:
    return "hauberk up DIR" if role == "gateway" else "hauberk run --help"


def _why_behind(proxy: ProxyRow) -> str:
    refusal = proxy.last_refusal
    if is_refusing(proxy) and refusal is not None:
        return f"refused version {refusal.version} {age(refusal.seconds_ago)} ago, and serves on as before: {refusal.reason}"
    return f"behind for {age(proxy.behind_seconds)}, serves version {proxy.version or 'none'}"


def _object_faults(
    wanted: Sequence[str], objects: Sequence[ObjectRow], conditions: Sequence[ConditionRow], progress: Progress
) -> _Look:
    """Objects that are not there or not accepted; what proxies make of them is another matter."""
    lagging: list[Lag] = []
    hopeless = False
    for name in wanted:
        found = [row for row in objects if is_object(row, name)]
        if not found:
            why = "there is no such object" + (f", but {len(progress.problems)} mistakes in files" if progress.problems else "")
            meant = nearest(name, [f"{row.kind}/{row.name}" for row in objects])
            why += f"; did you mean {meant}?" if meant else ""
            lagging.append(Lag(what=name, why=why, next="hauberk status"))
        for row in found:
            # Its place is a file and perhaps a line; a mistake in that file may be in this object.
            file = row.place.split(":", 1)[0]
            reasons = [problem.text for problem in progress.problems if problem.file == file]
            key = (row.kind, row.namespace, row.name)
            reasons += [
                f"{one.type}={one.status}: {one.reason}: {one.message}"
                for one in conditions
                if (one.kind, one.namespace, one.name) == key and is_bad(one) and "Programmed" not in one.type
            ]
            hopeless = hopeless or bool(reasons)
            lagging += [Lag(what=name, why=reason, next=f"correct {file}, then: hauberk wait {name}") for reason in reasons]
    return _Look(lagging, [], hopeless)


def is_object(row: ObjectRow, name: str) -> bool:
    """Whether `KIND/NAME` or `KIND/NAMESPACE/NAME`, in which kinds may be written small, means this object."""
    kind, _, rest = name.partition("/")
    return kind.lower() == row.kind.lower() and rest in (row.name, f"{row.namespace}/{row.name}")
