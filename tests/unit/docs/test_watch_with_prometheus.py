"""What the page asks of `hauberk install` is what an installation then has."""

import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = "docs/how-to/watch-with-prometheus.md"
MADE = (
    ("kind: ServiceMonitor", "kind: PodMonitor", "release: prometheus"),
    ("name: hauberk-dashboard-mesh",),
    ("kind: PrometheusRule",),
)


def test_each_command_makes_what_the_page_says(repository: Path) -> None:
    commands = re.findall(r"```sh\n(.*?)\n```", (repository / PAGE).read_text(), re.DOTALL)
    assert len(commands) == len(MADE)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    for command, made in zip(commands, MADE, strict=True):
        done = subprocess.run(
            ["bash", "-ec", f"{command} --render"],
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert [text for text in made if text not in done.stdout] == []
