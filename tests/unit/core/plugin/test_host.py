"""Which plugins are taken, and which are refused with what reason."""

import pytest
from plugin_fixtures import GivenEntry, half, host

from hauberk_core.plugin.errors import PluginMissing
from hauberk_core.plugin.host import data_host


def _nothing(config: dict[str, object]) -> None:
    return None


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (half(None, hauberk_observer=_nothing), 'it does not say for which API it was written; write HAUBERK_API = "1"'),
        (half("2", hauberk_observer=_nothing), "it was written for API 2, this is API 1"),
        (ImportError("no module named other"), "importing broken.data failed: ImportError: no module named other"),
        (half(), "it implements no hook; mark implementations with @hookimpl"),
        (half(hauberk_obsever=_nothing), "it implements hauberk_obsever, which is no hook of API 1"),
        (half(hauberk_observer=lambda konfig: None), "konfig"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason_and_the_rest_goes_on(given: object, reason: str) -> None:
    known = host({"broken": given, "good": half(hauberk_observer=_nothing)})
    described = {plugin.name: plugin for plugin in known.describe()}
    assert described["broken"].state == "refused"
    assert reason in described["broken"].reason
    assert known.names() == ["good"]
    with pytest.raises(PluginMissing, match="the plugin 'broken' is refused"):
        known.require("broken")


def test_a_plugin_that_is_off_is_not_even_imported() -> None:
    known = host({"one": AssertionError("imported"), "two": half(hauberk_observer=_nothing)}, frozenset({"one"}))
    assert [(plugin.name, plugin.state) for plugin in known.describe()] == [("one", "off"), ("two", "on")]
    with pytest.raises(PluginMissing, match="switched off") as caught:
        known.require("one")
    assert "HAUBERK_PLUGINS_OFF" in caught.value.hint
    assert [plugin.state for plugin in host({"one": half()}, frozenset({"*"})).describe()] == ["off"]


def test_the_second_of_a_name_is_refused() -> None:
    entries = [GivenEntry("one", half(hauberk_observer=_nothing)), GivenEntry("one", half(hauberk_observer=_nothing))]
    first, second = data_host(entries, frozenset()).describe()
    assert (first.state, second.state) == ("on", "refused")
    assert "package-of-one has a plugin of this name already" in second.reason


def test_one_plugin_s_hook_is_called_without_the_others() -> None:
    known = host({name: half(hauberk_observer=lambda config, name=name: (name, config)) for name in ("one", "two")})
    assert known.call("two", "hauberk_observer", config=7, services=None) == ("two", 7)
    assert known.call("two", "hauberk_transport", config=7, identity=None, services=None) is None


def test_an_unknown_name_gets_the_nearest_known_one() -> None:
    with pytest.raises(PluginMissing) as caught:
        host({"tracing": half(hauberk_observer=_nothing)}).require("traicng")
    assert "did you mean 'tracing'?" in caught.value.hint
