"""Which modules are compiled, and that the build hook compiles them only when asked."""

import ast
import importlib.util
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hauberk_core import build_info


@pytest.fixture(scope="module")
def hook(repository: Path) -> Any:
    """The build hook's module; hatchling loads it by its path too."""
    spec = importlib.util.spec_from_file_location("hatch_build", repository / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def lists(repository: Path) -> dict[str, list[str]]:
    """`packages` and `exclude`, as the hook gets them."""
    project = tomllib.loads((repository / "pyproject.toml").read_text())
    lists: dict[str, list[str]] = project["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]["custom"]
    return lists


@pytest.fixture(scope="module")
def hot(hook: Any, repository: Path, lists: dict[str, list[str]]) -> list[str]:
    modules: list[str] = hook.hot_modules(repository, lists["packages"], lists["exclude"])
    return modules


@pytest.fixture
def make_hook(hook: Any, lists: dict[str, list[str]]) -> Callable[[Path], Any]:
    """Makes the hook as hatchling would, for a project in the given folder."""
    return lambda root: hook.CompileHook(str(root), lists, None, None, str(root / "dist"), "wheel")


def test_every_excluded_module_exists(repository: Path, lists: dict[str, list[str]]) -> None:
    assert [name for name in lists["exclude"] if not (repository / name).is_file()] == []


def test_hot_modules_are_those_of_the_listed_packages_without_the_excluded(hot: list[str], lists: dict[str, list[str]]) -> None:
    assert "core/hauberk_core/http/headers.py" in hot
    assert set(hot).isdisjoint(lists["exclude"])
    assert not [name for name in hot if name.endswith("__init__.py")]
    assert {name.rsplit("/", 1)[0] for name in hot} >= set(lists["packages"])


def test_compiled_wheel_holds_every_hot_module_as_machine_code(hot: list[str], lists: dict[str, list[str]]) -> None:
    def suffix(path: str) -> str:
        # Below the folder of its distribution part (`core/`, `plugins/mtls/`) a path names its module.
        module = path[path.index("hauberk_") :].removesuffix(".py").replace("/", ".")
        spec = importlib.util.find_spec(module)
        assert spec is not None
        assert spec.origin is not None
        return Path(spec.origin).suffix

    expected = ".so" if build_info.compiled() else ".py"

    assert {path: suffix(path) for path in hot} == dict.fromkeys(hot, expected)
    assert {suffix(path) for path in lists["exclude"]} == {".py"}


def test_no_hot_class_relies_on_class_keywords(repository: Path, hot: list[str]) -> None:
    # mypyc drops them. Only `gc`, which changes speed and not behaviour, may be lost.
    lost = [
        f"{name}:{node.lineno}: {node.name} loses {keyword.arg}"
        for name in hot
        for node in ast.walk(ast.parse((repository / name).read_text()))
        if isinstance(node, ast.ClassDef)
        for keyword in node.keywords
        if keyword.arg not in {"gc", "metaclass"}
    ]

    assert lost == []


def test_missing_package_is_refused_by_name(hook: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="core/gone is no package"):
        hook.hot_modules(tmp_path, ["core/gone"], [])


def test_modules_are_found_in_nested_folders(hook: Any, tmp_path: Path) -> None:
    for name in ("p/__init__.py", "p/b.py", "p/a.py", "p/inner/__init__.py", "p/inner/c.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    assert hook.hot_modules(tmp_path, ["p"], ["p/b.py"]) == ["p/a.py", "p/inner/c.py"]


@pytest.mark.parametrize(("version", "asked"), [("standard", "0"), ("standard", ""), ("editable", "1")])
def test_build_stays_plain_unless_a_wheel_is_asked_for(
    make_hook: Callable[[Path], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, asked: str
) -> None:
    monkeypatch.setenv("HAUBERK_COMPILE", asked)
    build_data: dict[str, Any] = {"pure_python": True, "infer_tag": False, "force_include": {}}

    make_hook(tmp_path).initialize(version, build_data)

    assert build_data == {"pure_python": True, "infer_tag": False, "force_include": {}}
    assert list(tmp_path.iterdir()) == []


def test_only_a_compiling_build_needs_more_than_hatchling(
    make_hook: Callable[[Path], Any], repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HAUBERK_COMPILE", raising=False)
    assert make_hook(repository).dependencies() == []

    monkeypatch.setenv("HAUBERK_COMPILE", "1")
    names = {pin.split("==")[0] for pin in make_hook(repository).dependencies()}
    assert {"mypy", "setuptools", "msgspec"} <= names
