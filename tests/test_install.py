"What a user gets who installs the package: from a clone, and from a wheel without one."

import json
import os
import sys

import nbformat
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, of_newcomer, run
from PIL import Image
from test_jupyter import TWICE

from prl.control.cache import read_cache

WHEEL = """
import importlib, pkgutil
import prl
for module in pkgutil.walk_packages(prl.__path__, "prl."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
print(prl.__file__)
"""
ABSENT = """
from importlib.machinery import PathFinder

usual = PathFinder.find_spec


def find(name, path=None, target=None):  # what the extras bring is as if it were not installed
    return None if name.split(".")[0] in {names!r} else usual(name, path, target)


PathFinder.find_spec = find
"""
OF_EXTRAS = "papermill ipykernel nbconvert matplotlib seaborn mpltern anywidget ipywidgets"
OF_EXTRAS += " distributed dask onnx onnxscript huggingface_hub accelerate timm"


@of_newcomer
def test_script_above_a_clone_called_prl(newcomer):
    "Its folder is on the path, and the clone in it is no package: the installed one is taken."
    script = newcomer.parent / "script.py"
    script.write_text("import prl.data; print(prl.data.load)")
    done = run(newcomer / ".venv/bin/python", script, cwd=newcomer.parent)
    assert done.returncode == 0 and "function load" in done.stdout, done.stderr


@pytest.fixture(scope="module")
def site(clone, tmp_path_factory):
    "A folder with what the wheel installs."
    wheels, site = (tmp_path_factory.mktemp(name) for name in ("wheels", "site"))
    pip = [sys.executable, "-m", "pip"]
    made = run(
        *pip, "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", wheels, ".", cwd=clone
    )
    assert made.returncode == 0, made.stderr
    wheel = next(wheels.glob("prl_longtail-*.whl"))
    done = run(*pip, "install", "-q", "--no-deps", "--target", site, wheel)
    assert done.returncode == 0, done.stderr
    return site


def environment(site, *first):
    "Without a folder of runs of the tests: runs go where the command is given."
    given = {k: v for k, v in os.environ.items() if k != "PRL_RUNS"}
    return given | {"PYTHONPATH": os.pathsep.join(map(str, (*first, site)))}


def test_every_module_of_a_wheel_imports(site, tmp_path):
    done = run(sys.executable, "-c", WHEEL, cwd=tmp_path, env=environment(site))
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.startswith(str(site))


@pytest.fixture(scope="module")
def empty(site, tmp_path_factory):
    "A folder that had nothing in it, and now one short run."
    folder = tmp_path_factory.mktemp("empty")
    done = papermill("train", TWICE["train"][0], folder, site)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def papermill(name, values, folder, site):
    "A notebook executed in a folder, with what the wheel installs."
    command = [sys.executable, "-m", "papermill", "--no-progress-bar", ROOT / f"nbs/{name}.ipynb"]
    command += [folder.parent / f"{folder.name}-{name}.ipynb", "--cwd", folder]
    return run(*command, "-y", json.dumps(values), cwd=folder.parent, env=environment(site))


IN_EMPTY = {name: small for name, (small, *_) in TWICE.items() if name != "train"} | {
    "explore": dict(run="digits-ir50-prl-epochs1-s0"),
    "elicit": TWICE["elicit"][0] | dict(run="digits-ir50-prl-epochs1-s0"),
    "report": {},
    "study": {},
}


@pytest.mark.slow
@pytest.mark.xdist_group("empty folder")
@pytest.mark.parametrize("name", IN_EMPTY)
def test_a_run_notebook_in_an_empty_folder(name, empty, site):
    of_clone = name == "study"  # tells of records that a wheel does not bring
    done = papermill(name, IN_EMPTY[name], empty, ROOT if of_clone else site)
    assert done.returncode == 0, done.stderr[-3000:]
    assert {path.name for path in empty.iterdir()} <= {"runs", "search"}


def test_every_run_notebook_is_tried_there():
    with_parameters = {
        path.stem
        for path in (ROOT / "nbs").glob("*.ipynb")
        if any("parameters" in c.metadata.get("tags", []) for c in nbformat.read(path, 4).cells)
    }
    assert with_parameters == {"train", *IN_EMPTY}


@pytest.fixture(scope="module")
def workplace(site, tmp_path_factory):
    "An empty folder with photographs beside, and the command in it, of the core alone."
    home = tmp_path_factory.mktemp("workplace")
    absent = home / "absent"
    absent.mkdir()
    (absent / "sitecustomize.py").write_text(ABSENT.format(names=set(OF_EXTRAS.split())))
    rng = np.random.default_rng(0)
    for name, n in (("fox", 30), ("hare", 12), ("lynx", 6)):
        (home / "photos" / name).mkdir(parents=True)
        for i in range(n):
            pixels = rng.integers(0, 255, (20, 30, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(home / "photos" / name / f"{i}.png")

    def prl(*given, core=True, cwd=home):
        known = environment(site, absent) if core else environment(site)
        return run(sys.executable, "-m", "prl", *given, cwd=cwd, env=known)

    done = prl("train", "photos/", "backbone=resnet32", "epochs=1", "simplex_steps=2")
    assert done.returncode == 0, done.stderr[-3000:]
    return home, prl


@pytest.mark.slow
def test_the_core_trains_predicts_and_explores(workplace, tmp_path):
    "In a folder without a clone; the run remembers where its images lay."
    home, prl = workplace
    (folder,) = (home / "runs").iterdir()
    assert json.loads((folder / "record.json").read_text())["data_root"] == "photos"
    done = prl("predict", folder.name, "photos/", "--preference", "tail", "--csv", "out.csv")
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(pd.read_csv(home / "out.csv")) == 48
    done = prl("explore", folder, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "</html>" in (folder / "dial.html").read_text()[-200:]
    assert read_cache(folder).model.class_names == ["fox", "hare", "lynx"]
    said = prl("export", folder.name, "model.onnx").stderr
    assert "prl-longtail[export]" in said
    assert "prl-longtail[report]" in prl("report", "train", "out.ipynb").stderr


def test_images_that_have_moved_are_said(workplace):
    home, prl = workplace
    (folder,) = (home / "runs").iterdir()
    (folder / "dial.safetensors").unlink(missing_ok=True)
    (home / "photos").rename(home / "pictures")
    try:
        done = prl("explore", folder.name)
        assert done.returncode and "give data_root" in done.stderr
        assert str(home / "photos") in done.stderr and "Traceback" not in done.stderr
        assert prl("explore", folder.name, "--data_root", "pictures").returncode == 0
    finally:
        (home / "pictures").rename(home / "photos")


def test_a_wheel_carries_the_run_notebooks(site):
    "Those of the clone, and what they read."
    for file in [*(ROOT / "nbs").glob("[a-z]*.ipynb"), ROOT / "reports/published.csv"]:
        shipped = site / "prl/shipped" / file.relative_to(ROOT)
        assert shipped.read_bytes() == file.read_bytes(), file


@pytest.mark.slow
def test_a_run_notebook_runs_from_a_wheel(workplace):
    home, prl = workplace
    given = ["dataset=digits", "epochs=1", "simplex_steps=2"]
    done = prl("report", "train", "out.ipynb", *given, core=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (home / "out.ipynb").exists() and list(home.glob("runs/digits*/train.html"))
