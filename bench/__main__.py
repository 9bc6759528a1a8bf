"""The command line of the bench: `python -m bench`."""

import argparse
import os
import resource
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from bench.bars import BARS, COMPILED, PLAIN, judge
from bench.contestants.contestant import Contestant, first_line
from bench.contestants.envoy import Envoy
from bench.contestants.haproxy import Haproxy
from bench.contestants.hauberk import Command, Hauberk, compiled_python, install_wheel
from bench.contestants.nginx import Nginx
from bench.measure import Cores
from bench.process import BenchError
from bench.report import files
from bench.report.markdown import bars_table, inspection_table, load_table
from bench.run import Plan, collect
from bench.scenarios import INSPECTIONS, LOADS, NAMES, chosen

_ROOT = Path(__file__).resolve().parent.parent
_RESULTS = Path(__file__).resolve().parent / "results"
# Access logs of a round at full speed stay well below this.
_MEMORY_DISK = Path("/dev/shm")
_MEMORY_DISK_BYTES = 4 << 30


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(
        prog="python -m bench", description="Measure hauberk, Envoy, nginx and HAProxy side by side."
    )
    options.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="SCENARIO",
        help=f"only these; may be a pattern, may be given again: {', '.join(NAMES)}",
    )
    options.add_argument("--rounds", type=int, default=5, help="rounds of each contestant in each scenario (default: 5)")
    options.add_argument("--seconds", type=float, default=4.0, help="measured seconds of a round (default: 4)")
    options.add_argument(
        "--contestant",
        action="append",
        default=[],
        metavar="NAME=COMMAND",
        help="another proxy; {config} {port} {tls_port} {originate_port} {mesh_port} {inbound_port} {h2_port} {h2h2_port} "
        "{tcp_port} {backend} {tls_backend} {h2_backend} {chain} {key} {authority} {log} and {folder} are filled in",
    )
    options.add_argument("--without", action="append", default=[], metavar="NAME", help="leave a contestant out")
    options.add_argument("--compiled-python", metavar="PATH", help="a Python with the compiled wheel; else `make wheel` is run")
    options.add_argument("--wheel", metavar="PATH", help="a compiled wheel that is already built")
    options.add_argument("--proxy-core", type=int, default=0, help="core of the proxy under test (default: 0)")
    options.add_argument("--load-core", type=int, default=1, help="core of load generator and backend (default: 1)")
    options.add_argument(
        "--nice",
        type=int,
        default=0,
        help="priority of all that runs; below 0 (root only) keeps neighbours out of the figures",
    )
    options.add_argument(
        "--perf", action="append", default=[], metavar="NAME", help="write a perf profile of this contestant in each scenario"
    )
    options.add_argument("--results", type=Path, default=_RESULTS, metavar="FOLDER", help="where results go")
    options.add_argument("--no-save", action="store_true", help="print the tables, write no files")
    return options


def _say(text: str) -> None:
    print(text, flush=True)


def _contestants(options: argparse.Namespace, folder: Path, skipped: dict[str, str]) -> list[Contestant]:
    """Everyone who may take part, hauberk first; a compiled build that cannot be made is put into `skipped`."""
    found: list[Contestant] = []
    if COMPILED not in options.without:
        try:
            if options.compiled_python:
                # Not resolved: an environment's Python is a link, and knows its environment by the link's place.
                python = str(Path(options.compiled_python).absolute())
            elif options.wheel:
                python = install_wheel(Path(options.wheel).resolve(), folder / "compiled")
            else:
                _say("building the compiled wheel (`make wheel`)")
                python = compiled_python(_ROOT, folder / "compiled")
            found.append(Hauberk(COMPILED, python, compiled=True))
        except (BenchError, OSError) as error:
            skipped[COMPILED] = str(error)
            _say(f"SKIPPED {COMPILED}: {error}")
    found.append(Hauberk(PLAIN, sys.executable, compiled=False))
    for text in options.contestant:
        name, equals, command = text.partition("=")
        if not name or not equals or not command:
            raise BenchError(f"--contestant {text!r} is not of the form NAME=COMMAND")
        found.append(Command(name, command))
    found += [Envoy(), Nginx(), Haproxy()]
    known = {contestant.name for contestant in found} | {COMPILED}
    if len({contestant.name for contestant in found}) != len(found):
        raise BenchError("two contestants have the same name")
    for name in (*options.without, *options.perf):
        if name not in known:
            raise BenchError(f"there is no contestant {name!r}; there are {', '.join(sorted(known))}")
    return [contestant for contestant in found if contestant.name not in options.without]


def _check_machine(options: argparse.Namespace) -> None:
    for program, package in (("wrk", "wrk"), ("taskset", "util-linux")):
        if shutil.which(program) is None:
            raise BenchError(f"{program} is missing; install it (Debian: apt install {package})")
    usable = os.sched_getaffinity(0)
    if options.proxy_core == options.load_core or not {options.proxy_core, options.load_core} <= usable:
        raise BenchError(f"proxy and load need two different cores out of {sorted(usable)}; see --proxy-core, --load-core")
    if options.rounds < 1 or options.seconds < 0.5:
        raise BenchError("a run needs at least 1 round of at least 0.5 seconds")
    # Proxies inherit it: idle connections by the thousand need a descriptor each, and HAProxy refuses to start without enough.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


def main(arguments: list[str] | None = None) -> int:
    """Run the bench. Returns: 0; 1 if a bar that has to hold is missed; 2 if nothing could be measured; 130 interrupted."""
    options = parser().parse_args(arguments)
    # End as by Ctrl-C, so that nothing is left running.
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _interrupt)
    roomy = _MEMORY_DISK.is_dir() and shutil.disk_usage(_MEMORY_DISK).free > _MEMORY_DISK_BYTES
    try:
        _check_machine(options)
        os.sched_setaffinity(0, {options.load_core})
        os.setpriority(os.PRIO_PROCESS, 0, options.nice)
        with tempfile.TemporaryDirectory(prefix="hauberk-bench-", dir=_MEMORY_DISK if roomy else None) as name:
            folder = Path(name)
            skipped: dict[str, str] = {}
            contestants = _contestants(options, folder, skipped)
            plan = Plan(
                chosen(options.only),
                options.rounds,
                options.seconds,
                Cores(options.proxy_core, options.load_core),
                options.perf,
                options.results,
            )
            wrk = first_line(["wrk", "--version"]).partition(" [")[0]
            facts = {
                "cores": f"proxy on {options.proxy_core}, load and backend on {options.load_core}",
                "rounds": f"{options.rounds} of {options.seconds:g} s",
                "priority": f"nice {options.nice}",
                "logs on": "a memory disk" if roomy else "the temporary folder's disk",
                "load generators": f"{wrk}; our own for fixed rates and handshakes",
            }
            results = collect(plan, contestants, folder, facts, _say)
            results.skipped = {**skipped, **results.skipped}
    except (BenchError, PermissionError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        return 130
    if not results.rounds and not results.interrupted:
        print("bench: nothing was measured; the reasons are above", file=sys.stderr)
        return 2
    for scenario in LOADS:
        if results.contestants(scenario.name):
            _say(f"\n{scenario.title}\n\n{load_table(results, scenario)}")
    for inspection in INSPECTIONS:
        if results.contestants(inspection.name):
            _say(f"\n{inspection.title}\n\n{inspection_table(results, inspection)}")
    _say(f"\nBars\n\n{bars_table(results)}")
    if results.interrupted:
        return 130
    if not options.no_save:
        _say(f"\nwritten: {files.write(results, options.results)}")
    return 1 if any(bar.must and judge(bar, results).passed is False for bar in BARS) else 0


if __name__ == "__main__":
    sys.exit(main())
