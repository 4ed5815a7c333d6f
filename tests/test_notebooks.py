"Notebooks are clean and in style, prl/ is what they export, and every one of them runs."

import multiprocessing
import os
import sys
from pathlib import Path

import pytest
from conftest import ROOT, run

BIN = Path(sys.executable).parent
# What most notebooks import is imported once; each then runs in a process that begins there.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    [
        "torch._dynamo",
        "torchvision",
        "pandas",
        "scipy.stats",
        "sklearn.datasets",
        "matplotlib.pyplot",
        "nbdev.test",
    ]
)


def changed(clone):
    return run("git", "status", "--porcelain", cwd=clone).stdout


def test_notebooks_are_clean(clone):
    for command in (["nbdev_clean"], ["nbdev_clean", "--fname", "reports"]):
        assert run(BIN / command[0], *command[1:], cwd=clone).returncode == 0
    assert changed(clone) == "", "run nbdev_clean (reports: nbdev_clean --fname reports) and commit"


def test_export_is_in_sync(clone):
    assert run(BIN / "nbdev_export", cwd=clone).returncode == 0
    assert changed(clone) == "", "run nbdev_export and commit prl/"


@pytest.mark.parametrize("command", (["format", "--check"], ["check"]), ids=" ".join)
def test_style(command):
    done = run(BIN / "ruff", *command, "nbs", "tests", "docs")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr


def cells(notebook, log):
    "What nbdev_test does with a notebook; all that it says goes to a file."
    with open(log, "w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.chdir(ROOT)
    from nbdev.test import nbdev_test

    nbdev_test(path=str(notebook), n_workers=0)


def notebooks():
    "The rooms of the line; those that are run with parameters run in test_jupyter.py."
    for path in sorted((ROOT / "nbs").rglob("[!_]*.ipynb")):
        name = path.relative_to(ROOT / "nbs").as_posix()
        if name[0].isdigit() and ".ipynb_checkpoints" not in path.parts:
            yield name


# Their cells start processes that begin where the first began, which a fork has lost.
BY_ITSELF = ("05_data/images.ipynb", "05_data/variants.ipynb")


@pytest.mark.parametrize("notebook", [*notebooks()])
def test_notebook(notebook, tmp_path):
    if notebook in BY_ITSELF:
        done = run(BIN / "nbdev_test", "--path", ROOT / "nbs" / notebook, "--n_workers", 0)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return
    process = FORKS.Process(target=cells, args=(ROOT / "nbs" / notebook, tmp_path / "log"))
    process.start()
    process.join()
    assert process.exitcode == 0, (tmp_path / "log").read_text()[-6000:]
