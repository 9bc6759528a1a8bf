"""Every hook is documented, with an example that works, a plugin that uses it, and a test."""

import re
import types
from pathlib import Path

import pytest
from plugin_fixtures import GivenEntry

from hauberk_core.plugin import control, data
from hauberk_core.plugin.host import PluginHost

DATA = [name for name in vars(data.DataHooks) if name.startswith("hauberk_")]
CONTROL = [name for name in vars(control.ControlHooks) if name.startswith("hauberk_")]


@pytest.fixture(scope="module")
def reference(repository: Path) -> dict[str, str]:
    """The section of each hook."""
    text = (repository / "docs" / "reference" / "hooks.md").read_text()
    parts = re.split(r"^### (\S+)\n", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], [part.split("\n## ")[0] for part in parts[1::2]], strict=True))


def test_the_reference_has_the_hooks_and_no_others(reference: dict[str, str]) -> None:
    assert sorted(reference) == sorted(DATA + CONTROL)


@pytest.mark.parametrize("hook", DATA + CONTROL)
def test_a_hook_s_section_says_all(reference: dict[str, str], repository: Path, hook: str) -> None:
    section = reference[hook]
    for what in ("**Called**", "**Returns**", "**Fails**", "**Used by**", "**Tested in**"):
        assert what in section, f"{hook}: its section does not say {what}"
    code = vars(data.DataHooks if hook in DATA else control.ControlHooks)[hook].__code__
    arguments = ", ".join(code.co_varnames[1 : code.co_argcount])
    assert f"`{hook}({arguments})`" in section, f"{hook}: its section gives other arguments than {arguments}"
    for place in ("Used by", "Tested in"):
        found = re.search(rf"\*\*{place}\*\*: `([^`]+)`", section)
        assert found is not None
        assert hook in (repository / found[1]).read_text(), f"{hook} does not occur in {found[1]}"


@pytest.mark.parametrize("hook", DATA + CONTROL)
def test_a_hook_s_example_is_a_plugin(reference: dict[str, str], hook: str) -> None:
    found = re.search(r"```python\n(.*?)```", reference[hook], flags=re.DOTALL)
    assert found is not None
    module = types.ModuleType("example")
    exec(compile(found[1], f"hooks.md: {hook}", "exec"), vars(module))
    if hook in DATA:
        host = PluginHost("data", data.DataHooks, data.API, [GivenEntry("example", module)])
    else:
        host = PluginHost("control", control.ControlHooks, control.API, [GivenEntry("example", module)])
    [described] = host.describe()
    assert (described.state, described.reason, described.hooks) == ("on", "", (hook,))
