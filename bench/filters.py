"""What filters cost a request in one build of hauberk: `bench.inside.filters`, run by that build's interpreter."""

import json
from pathlib import Path

from bench.contestants.hauberk import Hauberk
from bench.figures import Round
from bench.process import BenchError, Launch, Processes
from bench.scenarios import FILTERS

_ROOT = Path(__file__).resolve().parent.parent
# Its cases take turns: this many times a round's seconds gives each its share.
_CASES = 5


def measure_filters(contestant: Hauberk, folder: Path, number: int, core: int, seconds: float) -> Round:
    """Measure each case for about `seconds`. Raises: BenchError."""
    output = folder / "output.log"
    command = [contestant.python, "-m", "bench.inside.filters", "--seconds", str(_CASES * seconds)]
    with Processes() as processes:
        processes.start("filters", Launch(command, _ROOT, output), core).wait(_CASES * seconds + 60.0)
    try:
        found = json.loads(output.read_text().splitlines()[-1])
        is_compiled, values = bool(found["compiled"]), dict(found["values"])
    except (ValueError, LookupError) as error:
        raise BenchError(f"bench.inside.filters printed no figures:\n{output.read_text()[-2000:]}") from error
    if is_compiled != contestant.compiled:
        raise BenchError(
            f"{contestant.python} runs the {'compiled' if is_compiled else 'plain'} build, which is not the one meant"
        )
    return Round(FILTERS, contestant.name, number, values)
