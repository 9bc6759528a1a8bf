"""The build hook: compiles the hot modules into the wheel, when asked.

With HAUBERK_COMPILE=1 in the environment, mypyc compiles every hot module (the lists are in pyproject.toml) as one group: calls
and attribute reads between modules of a group are direct, and only that makes compiling worth its price. The wheel then carries
the extension modules beside the sources, and imports prefer them. Without the variable the wheel is plain and the build needs no
compiler, no mypy and no setuptools.
"""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SWITCH: Final = "HAUBERK_COMPILE"
GROUP: Final = "hauberk"
# Kept between builds, so that an unchanged group is not compiled again.
SCRATCH: Final = "build/mypyc"


def hot_modules(root: Path, packages: Sequence[str], exclude: Sequence[str]) -> list[str]:
    """The modules to compile: all of `packages` but `exclude`, as sorted paths relative to `root`.

    A package's `__init__` stays plain: it only re-exports, and a package is found by its folder.

    Raises: ValueError where a listed package is not there, so that a renamed one is not silently left plain.
    """
    chosen: list[str] = []
    for package in packages:
        if not (root / package / "__init__.py").is_file():
            raise ValueError(f"{package} is no package: correct the list of hot modules in pyproject.toml")
        found = (path.relative_to(root).as_posix() for path in (root / package).rglob("*.py") if path.name != "__init__.py")
        chosen += [name for name in found if name not in exclude]
    return sorted(chosen)


def compile_group(sources: list[str], scratch: Path) -> dict[str, str]:
    """Compile `sources` (relative to the current folder) as one group below `scratch`.

    Returns: the files made, each with its place in the wheel. Raises: SystemExit, after mypy or the C compiler has said why.
    """
    from mypyc.build import mypycify
    from setuptools import Distribution
    from setuptools.command.build_ext import build_ext

    extensions = mypycify(
        ["--config-file=pyproject.toml", *sources],
        opt_level="3",
        separate=False,
        group_name=GROUP,
        target_dir=str(scratch / "c"),
    )
    command = build_ext(Distribution({"name": GROUP, "ext_modules": extensions}))
    libraries = scratch / "lib"
    command.build_lib = str(libraries)
    command.build_temp = str(scratch / "objects")
    command.ensure_finalized()
    command.run()
    return {made: Path(made).relative_to(libraries).as_posix() for made in command.get_outputs()}


class CompileHook(BuildHookInterface[Any]):
    """Hatchling's `custom` build hook."""

    def dependencies(self) -> list[str]:
        """What an isolated build installs first: nothing, or the pins of the compiler and of all that its type check reads."""
        if not self._asked():
            return []
        pins = [Path(self.root, "requirements", name).read_text() for name in ("build.txt", "runtime.txt")]
        return sorted({line for text in pins for line in text.split()})

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile and add the results; an editable installation always stays plain, because its sources change."""
        if version == "editable" or not self._asked():
            return
        with contextlib.chdir(self.root):
            sources = hot_modules(Path(self.root), self.config["packages"], self.config["exclude"])
            build_data["force_include"] |= compile_group(sources, Path(self.root, SCRATCH))
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def _asked(self) -> bool:
        return os.environ.get(SWITCH, "") == "1"
