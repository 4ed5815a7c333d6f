"What a notebook cannot test: killed processes, papermill, a fresh clone."

import io
import json
import os
import pickle
import pty
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torchvision
from conftest import ROOT, of_newcomer, run, shell, stamped
from PIL import Image

from prl.data.dataset import load
from prl.longtail import class_counts

PAPERMILL = [sys.executable, "-m", "papermill"]


def papermill(*arguments, **options):
    return run(*PAPERMILL, *arguments, **options)


# Seconds that everybody pays

HEAVY = "torchvision", "sklearn", "scipy.stats", "triton", "matplotlib", "timm", "IPython"


def test_importing_waits_for_nothing_that_few_need():
    code = f"import sys, prl.fit.loop, prl.record; print([n for n in {HEAVY} if n in sys.modules])"
    done = run(sys.executable, "-c", code, cwd=ROOT)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


# A killed process

FIT = "from prl.fit import Config, fit; fit(Config(runs={!r}, epochs=30))"


def weights(folder):
    return next(folder.rglob("model.safetensors")).read_bytes()


def history(folder):
    return pd.read_parquet(next(folder.rglob("history.parquet"))).drop(columns="seconds")


def trained(data):
    "Tensors and step of a checkpoint, without what differs between two runs (seconds)."
    size = int.from_bytes(data[:8], "little")
    return data[8 + size :], json.loads(json.loads(data[8 : 8 + size])["__metadata__"]["step"])


@pytest.mark.slow
def test_killed_and_resumed_equals_uninterrupted(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert run(sys.executable, "-c", FIT.format(str(whole))).returncode == 0
    process = subprocess.Popen(
        [sys.executable, "-c", FIT.format(str(killed))], cwd=ROOT, stderr=subprocess.DEVNULL
    )
    while not list(killed.rglob("model.safetensors")) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert trained(weights(killed))[1] < trained(weights(whole))[1], "it was killed on the way"
    assert run(sys.executable, "-c", FIT.format(str(killed))).returncode == 0
    assert trained(weights(killed)) == trained(weights(whole))
    assert history(killed).equals(history(whole))
    assert sorted(p.name for p in killed.rglob("*") if p.is_file()) == [
        ".lock",
        "history.parquet",
        "model.safetensors",
    ]


@pytest.mark.slow
def test_two_processes_train_a_run_once(tmp_path):
    command = [sys.executable, "-c", FIT.format(str(tmp_path))]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as first:
        while not list(tmp_path.rglob(".holder")) and first.poll() is None:
            time.sleep(0.01)
        first.send_signal(signal.SIGSTOP)  # in the middle, for as long as the second needs to start
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as second:
            said = next((line for line in second.stderr if "waiting until that ends" in line), "")
            first.send_signal(signal.SIGCONT)
            rest = second.stderr.read()
    assert (
        f"digits-ir50-prl-epochs30-s0 is being trained or evaluated by process {first.pid}" in said
    )
    assert first.returncode == second.returncode == 0 and "epoch/s" not in rest, (
        "what was trained while it waited is not trained again"
    )
    assert history(tmp_path).epoch.tolist() == list(range(1, 31))


FULL = """
import resource
import prl.fit.training as t
from prl.fit import Config, fit
save, calls = t.save_checkpoint, []

def limited(run):  # from the third checkpoint on, no file may pass 9,000 bytes
    calls.append(1)
    if len(calls) == 3:
        resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))
    save(run)

t.save_checkpoint = limited
fit(Config(runs={!r}, epochs=30))
"""


@pytest.mark.slow
def test_full_disk_keeps_the_last_checkpoint(tmp_path):
    done = run(sys.executable, "-c", FULL.format(str(tmp_path / "full")))
    assert (
        done.returncode != 0
        and "could not save" in done.stderr
        and "Is the disk full?" in done.stderr
    )
    left = trained(weights(tmp_path / "full"))
    assert 0 < left[1] and sorted(p.name for p in (tmp_path / "full").rglob("*.safetensors")) == [
        "model.safetensors",
        f"optimizer-{left[1]}.safetensors",
    ]
    for folder in ("full", "whole"):
        assert run(sys.executable, "-c", FIT.format(str(tmp_path / folder))).returncode == 0
    assert trained(weights(tmp_path / "full")) == trained(weights(tmp_path / "whole")), (
        "with room again it goes on from there"
    )


# papermill


def test_papermill_without_output_prints_the_notebook_and_leaves_the_run(tmp_path):
    # papermill takes its input from a pipe if there is one
    terminal, standard_input = pty.openpty()
    done = papermill(
        "nbs/train.ipynb", "-p", "runs", tmp_path, "-p", "epochs", 2, stdin=standard_input
    )
    os.close(terminal)
    os.close(standard_input)
    notebook = json.loads(done.stdout)
    assert any(
        "image/png" in o.get("data", {}) for c in notebook["cells"] for o in c.get("outputs", [])
    )
    left = {p.name for p in (tmp_path / "digits-ir50-prl-epochs2-s0").iterdir()}
    assert {
        "record.json",
        "rows.parquet",
        "history.parquet",
        "train.ipynb",
        "model.safetensors",
    } <= left


def test_papermill_bad_parameter(tmp_path):
    runs = "-p", "runs", tmp_path / "runs"
    done = papermill("nbs/train.ipynb", tmp_path / "out.ipynb", *runs, "-p", "epohcs", 3)
    assert done.returncode != 0
    assert "unknown parameter 'epohcs'; did you mean 'epochs'" in done.stderr
    assert not (tmp_path / "runs").exists()  # the other wrong ones are in test_jupyter.py


def test_a_run_notebook_finds_what_it_was_never_given(tmp_path):
    "From any folder, such as one of data: the published figures are those of the project."
    done = papermill(
        ROOT / "nbs/compare.ipynb", tmp_path / "out.ipynb", "-p", "epochs", "three", cwd=tmp_path
    )
    assert "epochs is 'three'" in done.stderr and "published" not in done.stderr.split("Error")[-1]


# Files of CIFAR, as torchvision and the hub lay them out


def parquet_cifar(folder, train_counts, test_each, label="fine_label"):
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    classes = len(train_counts)
    for part, counts in (("train", train_counts), ("test", [test_each] * classes)):
        labels = np.repeat(np.arange(classes), counts)
        cells = []
        for c in labels:
            pixels = np.clip(rng.normal(40 + 170 * c / classes, 40, (32, 32, 3)), 0, 255).astype(
                np.uint8
            )
            buffer = io.BytesIO()
            Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
            cells.append({"bytes": buffer.getvalue(), "path": None})
        pd.DataFrame({"img": cells, label: labels}).to_parquet(
            folder / f"{part}-00000-of-00001.parquet"
        )


def test_torchvision_files_come_first(tmp_path, monkeypatch, caplog):
    parquet_cifar(tmp_path / "cifar100", [2] * 100, 1)
    with caplog.at_level("INFO"):
        assert "Parquet" in load("cifar100", tmp_path, download=False).source
    assert "no torchvision files in" in caplog.text and "from the Parquet files in" in caplog.text
    folder = tmp_path / "cifar100" / "cifar-100-python"
    folder.mkdir()
    for part, n in (("train", 3), ("test", 1)):
        entry = {"data": np.zeros((100 * n, 3072), np.uint8), "fine_labels": list(range(100)) * n}
        entry["data"][:, 0] = np.arange(100 * n) // 100  # which of its class an image is
        (folder / part).write_bytes(pickle.dumps(entry))
    (folder / "meta").write_bytes(
        pickle.dumps({"fine_label_names": [f"class {c}" for c in range(100)]})
    )
    assert "Parquet" in load("cifar100", tmp_path, download=False).source, (
        "files with another MD5 are not torchvision's"
    )
    monkeypatch.setattr(
        torchvision.datasets.CIFAR100,
        "_check_integrity",
        lambda self: (tmp_path / "cifar100") == self.root,
    )
    monkeypatch.setattr(torchvision.datasets.cifar, "check_integrity", lambda *_: True)
    data = load("cifar100", tmp_path, download=False)
    assert (
        "torchvision" in data.source
        and data.train_counts == [3] * 100
        and data.class_names[7] == "class 7"
    )

    data = load("cifar100", tmp_path, 3, download=False)  # the images that the field's loaders keep
    np.random.seed(0)
    kept = []
    for n in class_counts(3, 100, 3):
        places = np.arange(3)
        np.random.shuffle(places)
        kept.append(set(places[:n].tolist()))
    found = data.train.images[:, 0, 0, 0]
    assert [set(found[data.train.labels == c].tolist()) for c in range(100)] == kept


def test_cifar10_from_parquet(tmp_path):
    parquet_cifar(tmp_path / "cifar10", [40] * 10, 2, "label")
    data = load("cifar10", tmp_path, 10, download=False)
    assert data.train_counts == class_counts(40, 10, 10) and data.test_counts == [2] * 10


def test_a_named_class_without_images_is_an_error(tmp_path):
    names = {
        "info": {"features": {"label": {"names": ["fox", "hare", "lynx"], "_type": "ClassLabel"}}}
    }
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "PNG")
    table = pa.table(
        {"image": [buffer.getvalue()] * 8, "label": [0, 1] * 4}
    ).replace_schema_metadata({"huggingface": json.dumps(names)})
    pq.write_table(table, tmp_path / "all.parquet")
    with pytest.raises(ValueError, match="no training image of 1 class.*lynx"):
        load("parquet", tmp_path, image_size=8)


def test_a_class_with_too_few_images_is_named(tmp_path):
    parquet_cifar(tmp_path / "cifar100", [20] + [3] * 99, 1)
    with pytest.raises(ValueError, match=r"needs 1\d images of class 1 \(1\), there are 3"):
        load("cifar100", tmp_path, 10, download=False)


# A fresh clone


@of_newcomer
def test_make_train_in_a_fresh_clone(trained_newcomer):
    run_folder = trained_newcomer / "runs/digits-ir50-prl-s0"
    record = json.loads((run_folder / "record.json").read_text())
    assert record["config"]["dataset"] == "digits" and record["seconds"] > 0
    assert (run_folder / "train.html").stat().st_size > 100_000
    kept = (run_folder / "train.ipynb").read_text()
    assert "100%" in kept, "it was executed once: what is kept is what trained"
    status = run("git", "status", "--porcelain", cwd=trained_newcomer).stdout
    assert status == "", f"a clone stays clean: {status}"


@of_newcomer
def test_make_twice_installs_nothing(newcomer):
    for target in ("train", "test"):
        assert "pip" not in shell(f"make -n {target}", newcomer)
    (newcomer / "pyproject.toml").touch()
    assert "pip install" in shell("make -n train", newcomer), "a changed pyproject.toml does"
    stamped(newcomer)


@of_newcomer
def test_only_to_change_the_project_asks_for_its_tools(newcomer):
    (newcomer / ".venv/bin/installed-dev").unlink()
    assert "pip" not in shell("make -n train", newcomer)
    for target in ("test", "export", "reports"):
        assert '".[dev]"' in shell(f"make -n {target}", newcomer)
    (newcomer / ".venv/bin/installed").unlink()
    to_train = shell("make -n train", newcomer)
    assert '".[report]"' in to_train and '".[dev]"' not in to_train
    stamped(newcomer)


def test_make_lists_its_targets(clone):
    listed = run("make", cwd=clone).stdout
    assert all(f"make {target}" in listed for target in ("train", "test"))
