"""How mistakes are written for people."""

from hauberk_core.model.errors import ConfigError, ConfigErrors, quote, write_path


def test_paths_read_like_expressions_and_strange_names_stand_in_quotes() -> None:
    assert write_path(()) == ""
    assert write_path(("clusters", "reviews-v1", "endpoints", 0, "address")) == "clusters.reviews-v1.endpoints[0].address"
    assert write_path(("clusters", "outbound|80||a", "x")) == "clusters['outbound|80||a'].x"
    assert write_path((3, "a")) == "[3].a"
    assert len(write_path(("a" * 10_000,))) < 100


def test_quotes_show_what_cannot_be_seen_and_shorten() -> None:
    assert quote("a\n\x1b[31m") == "'a\\n\\x1b[31m'"
    assert quote("x" * 80) == repr("x" * 80)
    assert quote("x" * 81) == repr("x" * 77 + "...")


def test_an_error_without_a_place_begins_with_its_origin_or_path() -> None:
    assert str(ConfigError(message="m", hint="h")) == "m\n    h"
    assert str(ConfigError(message="m", hint="h", path="a.b")) == "a.b: m\n    h"
    assert str(ConfigError(message="m", hint="h", origin="f", path="a")) == "f: a: m\n    h"


def test_warnings_are_marked() -> None:
    warning = ConfigError(message="m", hint="h", origin="f", line=1, column=2, severity="warning")
    assert str(warning) == "f:1:2: warning: m\n    h"


def test_all_errors_are_in_the_exceptions_text() -> None:
    errors = [ConfigError(message="one", hint="h"), ConfigError(message="two", hint="h")]
    assert str(ConfigErrors(errors)) == "one\n    h\ntwo\n    h"
