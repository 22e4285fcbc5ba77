"""The sweep files of the project are the papers' lists, and every run of them parses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gan_lightning.cli.rehearsal import rehearse
from gan_lightning.cli.sweep import samples
from gan_lightning.studies import queue
from gan_lightning.studies.commands import words
from gan_lightning.studies.names import run_name
from gan_lightning.studies.sweep_file import Sweep, read_sweep
from tests.conftest import ROOT

pytestmark = pytest.mark.runs

RUNS = {
    "cifar10_scale": 27 * 5,  # BSSN App. P: scales of SSN x seeds
    "cifar10_bssn_scale": 19 * 5,  # BSSN App. P: scales of BSSN x seeds
    "cifar10_strict_sn": 28 * 5,  # the same as SSN's, and 1.75 (Fig. 22)
    "stl10_scale": 2 * 7 * 5,  # BSSN App. Q: SSN, BSSN x scales x seeds
    "celeba_scale": 2 * 7 * 5,  # BSSN App. R
    "imagenet_scale": 2 * 4 * 3,  # BSSN App. S: three seeds
    "cifar10_settings": 5 * 2 * 5,  # BSSN Table 7 x SN, BSN x seeds
    "stl10_settings": 5 * 2 * 5,
    "celeba_settings": 5 * 2 * 5,
    "cifar10_gamma": 5 * 4 * 5,  # Table 7 x same, diff of SN, BSN x seeds
    "stl10_gamma": 5 * 4 * 5,
    "celeba_gamma": 5 * 4 * 5,
    "cifar10_sngan": 6 * 9 * 5,  # SNGAN A to F x methods of Table 2 x seeds
    "stl10_sngan": 6 * 7 * 5,  # without GAN-GP and BN, which it doesn't have on STL10
    "cifar10_resnet": 2 * 5,
    "stl10_resnet": 2 * 5,
    "cifar10_n_dis": 2 * 4 * 5,
    "cifar10_last_width": 2 * 4 * 5,
    "cifar10_initialization": 3 * 10 * 5,
    "cifar10_wgan_gp": 3 * 5,  # BSSN App. I: stable, exploding, vanishing
    "cifar10_learning_rates": 60,
    "cifar10_evidence": 5 * 4,
    "cifar10_pilot": 2 * 7,
    "digits_few_images": 3 * 2,
    "mnist_evidence": 3 * 5,
    "cifar10_gpu": 4 * 3,
    "mnist": 2 * 5,
    "digits": 5 * 5,
    "digits_methods": 16 * 3,
    "digits_gradients": 9,
    "digits_gradients_scale": 5 * 3,
}


def sweeps() -> dict[str, Sweep]:
    """Every sweep file of the project."""
    return {path.stem: read_sweep(path) for path in sorted((ROOT / "sweeps").glob("*.yaml"))}


@pytest.fixture(autouse=True)
def _at_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_every_file_has_exactly_the_papers_runs() -> None:
    found = sweeps()
    assert found.keys() == RUNS.keys()
    for name, sweep in found.items():
        size = sweep.size
        assert size == RUNS[name], name
        values = list(queue.all_values(sweep, size))
        assert len(values) == size, name
        if sweep.method == "grid":
            assert len({str(v) for v in values}) == size, name


def test_folders_of_runs_have_names_of_their_own() -> None:
    for name, sweep in sweeps().items():
        grid = sweep.grid() if sweep.method == "grid" else queue.all_values(sweep, 60)
        names = [run_name(values, sweep.varied) for values in grid]
        assert len(set(names)) == len(names), name
        assert all(len(n.encode()) < 200 and "/" not in n for n in names), name


def test_every_grid_has_seeds_and_goes_to_wandb() -> None:
    for name, sweep in sweeps().items():
        assert "seed_everything" in {p.name for p in sweep.parameters}, name
        assert sweep.raw["program"] == "gan", name
        assert "configs/wandb.yaml" in sweep.command, name
        assert "configs/wandb.yaml" not in words(sweep.command, {}), name


def test_the_first_and_the_last_run_of_every_file_parse() -> None:
    """Those between differ in values; `test_every_run_parses` tries them all."""

    def ends() -> Iterator[list[str]]:
        for sweep in sweeps().values():
            values = list(queue.all_values(sweep, sweep.size or 1))
            yield from (words(sweep.command, v)[1:] for v in (values[0], values[-1]))

    rehearse(ends())


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", RUNS)
def test_every_run_parses(name: str) -> None:
    """As `gan sweep` looks at them before it starts any."""
    sweep = read_sweep(ROOT / "sweeps" / f"{name}.yaml")
    rehearse(words(sweep.command, values)[1:] for values in samples(sweep))
