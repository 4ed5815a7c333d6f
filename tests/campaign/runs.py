"The runs that a campaign harms, and all that they come to."

import hashlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from distributed import LocalCluster
from PIL import Image

import prl.fit.training
from prl.data.kept import read_checkpoint, read_table
from prl.fit.config import Config
from prl.fit.naming import run_folder
from prl.fit.together import fit_together
from prl.record import examine
from prl.study.many import study

ROOT = Path(__file__).parent.parent.parent
SHORT = dict(epochs=2, second_epochs=1, device="cpu", precision="float32", threads=1)
# one method with each thing that a training keeps beside its weights
TRAINED = {
    "prl": [dict(method="prl")],
    "prl_offset": [dict(method="prl_offset")],
    "mislas, two stages": [dict(method="mislas")],
    "averaged weights": [dict(method="prl", average=0.9)],
    "sade, with its test-time step": [dict(method="sade")],
    "two at once": [dict(method="prl", seed=1), dict(method="prl", seed=2)],
}
READ_BY_TWO = "photographs, read by two"
PHOTOGRAPHS = dict(
    dataset="folder", image_size=16, crop="resized", backbone="cnn", batch_size=16, workers=2
)
# and one of each way to train that begins processes of its own
WITH_OTHERS = {
    READ_BY_TWO: [dict(method="prl", epochs=4) | PHOTOGRAPHS],
    "several processes": [dict(method="prl", epochs=8, processes=2)],
    "papermill": [dict(method="prl", epochs=8)],
    "a cluster": [dict(method="prl", epochs=8)],
}


def configs_of(case: str, home: Path) -> list:
    "The configs of a case, whose runs lie in a folder."
    every = TRAINED | WITH_OTHERS
    own = {"data_root": str(home.parent / "photographs")} if case == READ_BY_TWO else {}
    return [Config(**SHORT | fields | own, runs=str(home)) for fields in every[case]]


def draw_photographs(home: Path) -> None:
    "Three classes of small pictures, in a folder for each."
    draw = np.random.default_rng(0)
    for name, count in dict(apple=60, pear=30, plum=12).items():
        (home / "photographs" / name).mkdir(parents=True)
        for k in range(count):
            pixels = draw.integers(0, 256, (24, 24, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(home / "photographs" / name / f"{k}.png")


# ---- how a run is started


def trained(case: str, home: Path) -> None:
    "Train the runs of a case, evaluate them, and leave their records."
    for run in fit_together(configs_of(case, home)):
        examine(run)


def stopped(case: str, home: Path) -> None:
    "As `trained`, and the process ends with its first checkpoint."
    save = prl.fit.training.save_checkpoint

    def once(run):
        save(run)
        os._exit(0)

    prl.fit.training.save_checkpoint = once
    trained(case, home)


def by_papermill(case: str, home: Path) -> None:
    "As `papermill nbs/train.ipynb` does."
    (config,) = configs_of(case, home)
    given = SHORT | dict(method=config.method, epochs=config.epochs, runs=config.runs)
    words = [word for name, value in given.items() for word in ("-p", name, str(value))]
    home.mkdir(parents=True, exist_ok=True)
    notebooks = str(ROOT / "nbs/train.ipynb"), str(home / "out.ipynb")
    os.chdir(ROOT)
    os.execv(sys.executable, [sys.executable, "-m", "papermill", *notebooks, *words])


def by_cluster(case: str, home: Path) -> None:
    "As a study does that is given a cluster, whose workers are processes."
    home.mkdir(parents=True, exist_ok=True)
    cluster = LocalCluster(1, threads_per_worker=1, dashboard_address=None, local_directory=home)
    with cluster:
        study(configs_of(case, home), cluster=cluster)


def start_of(case: str) -> Callable:  # (case, home)
    "What starts a case."
    return {"papermill": by_papermill, "a cluster": by_cluster}.get(case, trained)


# ---- what came of it


def digest(*parts) -> str:
    "A few letters that tell tensors and texts apart."
    found = hashlib.sha256()
    for part in parts:
        tensor = isinstance(part, torch.Tensor)
        found.update(part.detach().contiguous().numpy().tobytes() if tensor else str(part).encode())
    return found.hexdigest()[:16]


def answer(case: str, home: Path) -> list:
    "All that the runs of a case came to, without the seconds that they took."
    found = []
    for folder in map(run_folder, configs_of(case, home)):
        _, tensors = read_checkpoint(folder / "model.safetensors")
        history = read_table(folder / "history.parquet")
        history = history.drop(columns=[c for c in history if c.endswith("seconds")])
        tables = [read_table(folder / f"{name}.parquet") for name in ("rows", "correct")]
        texts = [table.to_csv(float_format="%.17g") for table in (history, *tables)]
        found.append(digest(*sorted(tensors), *tensors.values(), *texts))
    return found
