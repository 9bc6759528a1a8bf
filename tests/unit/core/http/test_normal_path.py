"""One spelling for each path."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hauberk_core.http.normal_path import NormalPath

MODES = ("base", "merge_slashes", "decode_and_merge_slashes")


@pytest.mark.parametrize(
    ("path", "base", "merged", "decoded"),
    [
        ("/", "/", "/", "/"),
        ("/a/b", "/a/b", "/a/b", "/a/b"),
        ("/a/../b", "/b", "/b", "/b"),
        ("/a/./b/.", "/a/b/", "/a/b/", "/a/b/"),
        ("/a/b/..", "/a/", "/a/", "/a/"),
        ("/../../a", "/a", "/a", "/a"),
        ("/..", "/", "/", "/"),
        ("/%2e%2E/a", "/a", "/a", "/a"),
        ("/.hidden/..a/...", "/.hidden/..a/...", "/.hidden/..a/...", "/.hidden/..a/..."),
        ("/a\\..\\b", "/b", "/b", "/b"),
        ("/a//b", "/a//b", "/a/b", "/a/b"),
        ("/a//../b", "/a/b", "/a/b", "/a/b"),
        ("/a%2fb%5Cc", "/a%2fb%5Cc", "/a%2fb%5Cc", "/a/b/c"),
        ("/a%2f%2E%2e%2Fb", "/a%2f..%2Fb", "/a%2f..%2Fb", "/b"),
        ("/%41%7e%20%25%C3", "/A~%20%25%C3", "/A~%20%25%C3", "/A~%20%25%C3"),
        # Nobody decodes twice, and what is broken stays so.
        ("/%252e%252f", "/%252e%252f", "/%252e%252f", "/%252e%252f"),
        ("/%4%31", "/%4%31", "/%4%31", "/%4%31"),
        ("/%%31/%%2E/%/%41", "/%%31/%./%/A", "/%%31/%./%/A", "/%%31/%./%/A"),
        # As servlet containers read it.
        ("/a/..;v=1/b", "/b", "/b", "/b"),
        ("/a/b/%2e%2E;", "/a/", "/a/", "/a/"),
        ("/a/.;/b/.;v", "/a/b/", "/a/b/", "/a/b/"),
        ("/a;v=..;/..b;/...;", "/a;v=..;/..b;/...;", "/a;v=..;/..b;/...;", "/a;v=..;/..b;/...;"),
        ("/%", "/%", "/%", "/%"),
        ("*", "*", "*", "*"),
        ("", "", "", ""),
    ],
)
def test_paths(path: str, base: str, merged: str, decoded: str) -> None:
    assert [NormalPath(mode).of(path) for mode in MODES] == [base, merged, decoded]


@given(
    st.lists(st.sampled_from(["/", ".", "..", "%", "%2", "%2e", "%2F", "%5c", "\\", "e", "4", "%41", "?", ";"])),
    st.sampled_from(MODES),
)
def test_a_second_look_changes_nothing(parts: list[str], mode: str) -> None:
    normal = NormalPath(mode)
    once = normal.of("/" + "".join(parts))
    assert normal.of(once) == once
    assert not {".", ".."} & {segment.partition(";")[0] for segment in once.split("/")}
