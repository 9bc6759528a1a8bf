"""An agent asks whoever started it for another join token, and takes it from the new bootstrap document."""

from pathlib import Path

import msgspec
import pytest
import trio

from hauberk_core.agent.bootstrap import Bootstrap, write_bootstrap
from hauberk_core.agent.identity.client import CertificateUnavailable
from hauberk_core.agent.identity.proof import WANTED_FILE, JoinProof, ParentTokens


def document(folder: Path, token: str, root: str = "root") -> Path:
    path = folder / "bootstrap.json"
    write_bootstrap(
        path,
        Bootstrap(
            control="127.0.0.1:1",
            join="127.0.0.1:2",
            root=root,
            identity="spiffe://mesh.test/ns/default/sa/reviews",
            role="sidecar",
            name="reviews",
            node=msgspec.Raw(b"{}"),
            state=str(folder),
            join_token=token,
            attended=True,
        ),
    )
    return path


async def until_wanted(folder: Path) -> None:
    with trio.fail_after(30):
        while not (folder / WANTED_FILE).exists():  # noqa: ASYNC110 - a file sends no event
            await trio.sleep(0.01)


async def test_the_answer_is_another_token_with_the_root_of_the_day(tmp_path: Path) -> None:
    tokens = ParentTokens(document(tmp_path, "used"), tmp_path, "used")
    got: list[JoinProof] = []

    async def ask() -> None:
        got.append(await tokens.get())

    for answer in ("second", "third"):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await until_wanted(tmp_path)
            assert answer not in [proof.token for proof in got]
            document(tmp_path, answer, f"{answer} root")
        assert got[-1] == JoinProof(answer, f"{answer} root".encode())
        assert not (tmp_path / WANTED_FILE).exists()


async def test_without_an_answer_it_says_what_to_do_and_goes_on_wishing(tmp_path: Path) -> None:
    tokens = ParentTokens(document(tmp_path, "used"), tmp_path, "used", seconds=0.05)
    with pytest.raises(CertificateUnavailable, match="end this proxy and start them again"):
        await tokens.get()
    assert (tmp_path / WANTED_FILE).exists()


async def test_a_document_that_is_gone_is_told(tmp_path: Path) -> None:
    path = document(tmp_path, "used")
    path.unlink()
    with pytest.raises(CertificateUnavailable, match="cannot be read"):
        await ParentTokens(path, tmp_path, "used").get()
