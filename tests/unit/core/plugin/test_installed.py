from hauberk_core.plugin.installed import switched_off


def test_names_are_switched_off_by_the_environment() -> None:
    assert switched_off({"HAUBERK_PLUGINS_OFF": "one, two,,"}) == {"one", "two"}
    assert switched_off({}) == frozenset()
