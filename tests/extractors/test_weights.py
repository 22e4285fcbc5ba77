"""Files of weights: the one that is named, the one that lies there, or the one that is fetched."""

from __future__ import annotations

import hashlib
import socket
from pathlib import Path

import pytest
import torch

from gan_lightning.errors import UserError
from gan_lightning.extractors.weights import default_path, found, tensors
from tests.conftest import same

REMEDY = "Fetch them by hand."


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a file, downloads of which have a place of their own."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    (tmp_path / "server").mkdir()
    path = tmp_path / "server" / "net.pth"
    path.write_bytes(b"weights")
    return path.as_uri()


def test_downloads_lie_in_torch_hubs_folder_under_their_own_name(url: str, tmp_path: Path) -> None:
    assert default_path(url) == tmp_path / "home" / "hub" / "checkpoints" / "net.pth"
    assert default_path("https://x.org/a/b-12ab.pth").name == "b-12ab.pth"


def test_what_is_missing_is_downloaded_once(url: str, tmp_path: Path) -> None:
    first = found(None, url, None, REMEDY)
    assert first == default_path(url)
    assert first.read_bytes() == b"weights"
    (tmp_path / "server" / "net.pth").write_bytes(b"another release")
    assert found(None, url, None, REMEDY).read_bytes() == b"weights"


def test_a_file_that_is_named_is_taken_and_nothing_is_downloaded(url: str, tmp_path: Path) -> None:
    mine = tmp_path / "mine.pth"
    mine.touch()
    assert found(str(mine), url, None, REMEDY) == mine
    assert not default_path(url).exists()


def test_a_file_of_the_home_folder_is_found(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shell leaves ``--option=~/file`` as it is."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.pth").touch()
    assert found("~/mine.pth", url, None, REMEDY) == tmp_path / "mine.pth"


def test_a_named_file_that_is_not_there_is_one_sentence(url: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        found(str(tmp_path), url, None, REMEDY)
    assert str(caught.value) == f"weights {tmp_path} is no file. {REMEDY}"
    assert not default_path(url).exists()


def test_a_download_must_have_the_checksum_that_is_known(url: str) -> None:
    right = hashlib.sha256(b"weights").hexdigest()
    with pytest.raises(UserError, match=r"are not in .*net\.pth and cannot be downloaded .*hash"):
        found(None, url, right[::-1], REMEDY)
    assert not default_path(url).exists()
    assert found(None, url, right, REMEDY).is_file()


@pytest.mark.parametrize("seconds", [None, 7.0])
def test_how_long_others_wait_for_an_answer_is_as_it_was(url: str, seconds: float | None) -> None:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        with pytest.raises(UserError, match=REMEDY):
            found(None, url.replace("net", "absent"), None, REMEDY)
        assert socket.getdefaulttimeout() == seconds
    finally:
        socket.setdefaulttimeout(before)


def test_the_tensors_of_a_file_are_read_to_the_last_bit(tmp_path: Path) -> None:
    state = {"w": torch.randn(3, 2), "n": torch.tensor(7)}
    torch.save(state, tmp_path / "net.pth")
    assert same(tensors(tmp_path / "net.pth", REMEDY), state)


@pytest.mark.parametrize("content", [[torch.zeros(1)], {"w": torch.zeros(1), "epoch": 3}, 5])
def test_a_file_of_anything_else_is_refused(content: object, tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    torch.save(content, path)
    with pytest.raises(UserError) as caught:
        tensors(path, REMEDY)
    assert str(caught.value) == f"{path} does not hold tensors by name. {REMEDY}"


@pytest.mark.parametrize("content", [b"", b"no weights", b"PK\x03\x04"])
def test_a_file_that_cannot_be_read_is_one_sentence_with_a_remedy(
    content: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "net.pth"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"net\.pth holds no weights that can be read: ") as caught:
        tensors(path, REMEDY)
    assert str(caught.value).endswith(f". {REMEDY}")
    assert "\n" not in str(caught.value)
