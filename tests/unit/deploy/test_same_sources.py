"""Which wheels are of the same sources."""

import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

PLAIN: Final = {"a/b.py": "x = 1\n", "a.dist-info/METADATA": "Name: a\n", "a.dist-info/RECORD": "1", "a.dist-info/WHEEL": "any"}
COMPILED: Final = PLAIN | {"a/b.cpython-311.so": "code", "a.dist-info/RECORD": "2", "a.dist-info/WHEEL": "linux"}


def written(path: Path, files: Mapping[str, str]) -> str:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return str(path)


def compared(repository: Path, *words: str) -> tuple[int, str]:
    script = repository / "deploy" / "images" / "same_sources.py"
    done = subprocess.run([sys.executable, script, *words], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stderr


def test_a_compiled_wheel_is_of_the_sources_in_it(repository: Path, tmp_path: Path) -> None:
    compiled, plain = written(tmp_path / "compiled.whl", COMPILED), written(tmp_path / "plain.whl", PLAIN)
    assert compared(repository, compiled, plain) == (0, "")


@pytest.mark.parametrize(
    ("change", "named"),
    [({"a/b.py": "x = 2\n"}, "a/b.py"), ({"a/c.py": ""}, "a/c.py"), ({"a.dist-info/METADATA": "Name: b\n"}, "METADATA")],
)
@pytest.mark.parametrize("newer", ["compiled", "plain"])
def test_another_file_is_named(repository: Path, tmp_path: Path, change: dict[str, str], named: str, newer: str) -> None:
    compiled = written(tmp_path / "compiled.whl", COMPILED | (change if newer == "compiled" else {}))
    plain = written(tmp_path / "plain.whl", PLAIN | (change if newer == "plain" else {}))
    code, told = compared(repository, compiled, plain)
    assert code == 1
    assert named in told
    assert "make wheel" in told


def test_a_wheel_that_is_not_there(repository: Path, tmp_path: Path) -> None:
    code, told = compared(repository, str(tmp_path / "*.whl"), written(tmp_path / "plain.whl", PLAIN))
    assert code == 1
    assert "`make wheel`" in told
