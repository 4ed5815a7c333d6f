"Every command of the pages that people read: run as printed, but short."

import os
import re
import shutil
import subprocess

import nbformat
import numpy as np
import papermill
import pytest
from conftest import ROOT, of_newcomer, run, shell
from PIL import Image
from test_commands import parquet_cifar

from prl.errors import nearest
from prl.fit.config import Config
from prl.longtail import class_counts
from prl.model.packaged import packaged_weights, write_weights

PAGES = ["README.md", "CONTRIBUTING.md", "data/README.md"]
PAGES += sorted(f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md"))
# made the environment, is run by a fixture, or runs this
ELSEWHERE = ("source ", "make train", "make test")
SHORT = {  # what is added to a command, by its notebook
    "train": "-p epochs 1",
    "compare": '-p epochs 1 -p sizes False -y "{methods: [softmax, {method: dial}]}"',
    "control": '-p epochs 1 -p resamples 19 -y "{methods: [softmax, {method: dial}]}"',
    "adapt": '-p epochs 1 -p draws 1 -p views False -y "{methods: [dial], sizes: [50]}"',
    "ablation": "-p epochs 1 -p seeds 1",
    "report": "-p dataset cifar100",
}


def text(page):
    if page.endswith(".md"):
        return (ROOT / page).read_text()
    cells = nbformat.read(ROOT / page, 4).cells
    return "\n".join(cell.source for cell in cells)


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", text(page), re.S)


def commands(page):
    lines = [line for block in blocks(page, "sh") for line in block.splitlines()]
    return [line for line in lines if line and not line.startswith(ELSEWHERE)]


def shortened(command):
    notebook = re.search(r"papermill nbs/(\w+)\.ipynb", command)
    return f"{command} {SHORT.get(notebook[1], '')}" if notebook else command


@pytest.fixture(scope="session")
def hub(tmp_path_factory):
    "The cache of the Hugging Face hub, with the weights that photographs start from."
    try:
        packaged_weights()
    except FileNotFoundError as error:
        pytest.skip(str(error))
    home = tmp_path_factory.mktemp("hub")
    repository = home / "hub/models--timm--tf_efficientnet_lite0.in1k"
    snapshot = repository / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs/main").write_text("0" * 40)
    write_weights(snapshot / "model.safetensors")
    os.environ |= {"HF_HOME": str(home), "HF_HUB_OFFLINE": "1"}


@pytest.fixture(scope="session")
def stocked_newcomer(trained_newcomer, hub):
    "With images where the pages say that they are."
    parquet_cifar(trained_newcomer / "data/cifar100", class_counts(500, 100, 100), 5)
    rng = np.random.default_rng(0)
    for name, n in (
        ("owls", 6),
        ("my_images/fox", 30),
        ("my_images/hare", 12),
        ("my_images/lynx", 5),
    ):
        folder = trained_newcomer / "data" / name
        folder.mkdir(parents=True)
        for i in range(n):
            pixels = rng.integers(0, 255, (40, 50, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{i}.jpg")
    shutil.copy(folder / "0.jpg", trained_newcomer / "photo.jpg")
    return trained_newcomer


@pytest.mark.slow
@of_newcomer
@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)])
def test_shell_commands(stocked_newcomer, page):
    for command in commands(page):
        shell(shortened(command), stocked_newcomer)


@pytest.mark.slow
@of_newcomer
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")])
def test_python(stocked_newcomer, page):
    for code in blocks(page, "python"):
        if "places_lt" in code:
            continue  # images that have to be fetched; tests/test_large.py has small ones
        done = run(stocked_newcomer / ".venv/bin/python", "-c", code, cwd=stocked_newcomer)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES)
def test_what_needs_other_machines_can_be_read(page):
    for code in blocks(page, "py"):
        compile(code, page, "exec")
    for code in blocks(page, "bash"):
        assert subprocess.run(["bash", "-nc", code]).returncode == 0


@pytest.mark.parametrize("page", [*PAGES, "nbs/index.ipynb"])
def test_parameters_of_commands_exist(page):
    "Of every papermill command on a page, also of one within a sentence."
    for name, rest in re.findall(r"papermill nbs/(\w+)\.ipynb([^`\n]*)", text(page)):
        known = {*papermill.inspect_notebook(ROOT / f"nbs/{name}.ipynb"), *Config.model_fields}
        for given in re.findall(r"-[pr] (\w+)", rest):
            assert given in known, f"{page}: -p {given} of {name}{nearest(given, known)}"
