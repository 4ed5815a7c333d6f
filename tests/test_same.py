"Nothing that is computed has changed: trainings leave the same as those of an earlier commit."

import json
import os
import subprocess
import sys

import pytest
from conftest import ROOT, run


def git(*arguments, **options):
    return run("git", *arguments, **options).stdout.strip()


def base():
    "The commit to compare with: that of PRL_BASE, or where this branch left `main`."
    if "PRL_BASE" in os.environ:
        return os.environ["PRL_BASE"]
    branches = "origin/main", "main"
    found = next(filter(None, (git("merge-base", "HEAD", branch) for branch in branches)), "")
    same = found == git("rev-parse", "HEAD") and not git("status", "--porcelain", "prl")
    return "" if same else found


LISTS = "config", "record", "files"  # of names: more may come


def changed(before, after) -> list:
    "What differs of what was there, of one training or of the columns of all."
    if isinstance(before, list):
        return sorted(set(before) - set(after))
    return [
        name
        for name, value in before.items()
        if (set(value) - set(after[name]) if name in LISTS else value != after[name])
    ]


@pytest.mark.slow
def test_what_is_computed_is_the_same(tmp_path):
    if not (commit := base()):
        pytest.skip("there is no earlier commit to compare with: PRL_BASE may name one")
    archive = tmp_path / "base.tar"
    done = run("git", "archive", "--output", archive, commit, "prl")
    assert done.returncode == 0, f"PRL_BASE is {commit!r}: {done.stderr}"
    (tmp_path / "base").mkdir()
    assert run("tar", "-xf", archive, cwd=tmp_path / "base").returncode == 0
    trees = {"base": tmp_path / "base", "head": ROOT}
    sides = [
        subprocess.Popen(
            [sys.executable, ROOT / "tests/same.py", tmp_path / f"{name}.json"],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(tree)},
        )
        for name, tree in trees.items()
    ]
    assert [side.wait() for side in sides] == [0, 0]
    before, after = (json.loads((tmp_path / f"{name}.json").read_text()) for name in trees)
    different = {name: changed(before[name], after[name]) for name in before}
    assert not any(different.values()), (
        f"{different}: not as in {commit}; where that is meant: PRL_BASE= make test ARGS=--slow"
    )
