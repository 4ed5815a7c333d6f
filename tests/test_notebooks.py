"Notebooks are clean, prl/ is what they export, and every one of them runs."

import sys
from pathlib import Path

import pytest
from conftest import ROOT, run

BIN = Path(sys.executable).parent


def changed(clone):
    return run("git", "status", "--porcelain", cwd=clone).stdout


def test_notebooks_are_clean(clone):
    for command in (["nbdev_clean"], ["nbdev_clean", "--fname", "reports"]):
        assert run(BIN / command[0], *command[1:], cwd=clone).returncode == 0
    assert changed(clone) == "", "run nbdev_clean (reports: nbdev_clean --fname reports) and commit"


def test_export_is_in_sync(clone):
    assert run(BIN / "nbdev_export", cwd=clone).returncode == 0
    assert changed(clone) == "", "run nbdev_export and commit prl/"


@pytest.mark.parametrize(
    "notebook",
    sorted(
        p.relative_to(ROOT / "nbs").as_posix()
        for p in (ROOT / "nbs").rglob("[!_]*.ipynb")
        if ".ipynb_checkpoints" not in p.parts
    ),
)
def test_notebook(notebook):
    done = run(BIN / "nbdev_test", "--path", ROOT / "nbs" / notebook, "--n_workers", 0)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
