"The field's large data sets, on small trees in their layouts, from check to report."

import json
import sys

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, run
from kernel import Open, edited
from PIL import Image

import prl.data.dataset
import prl.fit.training
from prl.data.releases import RELEASES
from prl.fit.config import Config
from prl.fit.loop import fit
from prl.fit.naming import run_folder
from prl.report.found import data_name

COUNTS = 24, 12, 6, 3, 2, 2  # training images of each class
LAYOUTS = {
    "imagenet_lt": ("train/n0144{c}/n0144{c}_{i}.JPEG", "val/n0144{c}/ILSVRC2012_val_{c}{i}.JPEG"),
    "places_lt": ("data_256/a/field{c}/{i}.jpg", "val_256/Places365_val_{c}{i}.jpg"),
    "inaturalist": ("train_val2018/Aves/{c}/{i}.jpg", "train_val2018/Aves/{c}/held{i}.jpg"),
}
SMALL = dict(
    backbone="resnet18",
    weights="none",
    frozen_stages=0,
    image_size=32,
    batch_size=16,
    epochs=2,
    workers=2,
    simplex_steps=4,
    precision="float32",
    device="cpu",
)


def photograph(path, c, rng):
    "A JPEG of any size and mode that such collections hold; its brightness tells the class."
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = (rng.integers(0, 60, (*rng.integers(30, 90, 2), 3)) + 30 * c).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = int(rng.integers(1, 9))
    Image.fromarray(pixels).convert(rng.choice(["RGB", "RGB", "L", "CMYK"])).save(
        path, "JPEG", exif=exif
    )


def tree(dataset, root, each=3):
    "Images and lists as the public release has them."
    rng = np.random.default_rng(0)
    for pattern, name, counts in zip(
        LAYOUTS[dataset], RELEASES[dataset].lists, (COUNTS, (each,) * len(COUNTS))
    ):
        lines = [(pattern.format(c=c, i=i), c) for c, n in enumerate(counts) for i in range(n)]
        for path, c in lines:
            photograph(root / path, c, rng)
        (root / name).write_text("".join(f"{path} {c}\n" for path, c in lines))
    return root


@pytest.fixture(scope="module")
def opened():
    "train.ipynb and report.ipynb, each in a kernel of its own that serves all three data sets."
    train, report = Open("train"), Open("report")
    with train.client.setup_kernel(), report.client.setup_kernel():
        yield train, report


@pytest.mark.xdist_group("large")
@pytest.mark.parametrize(
    "dataset",
    ["places_lt", *(pytest.param(k, marks=pytest.mark.slow) for k in LAYOUTS if k != "places_lt")],
)
def test_large_data_sets_from_check_to_report(dataset, opened, tmp_path):
    root, runs = tree(dataset, tmp_path / "data"), tmp_path / "runs"
    found = prl.data.check(dataset, root).set_index("what")
    assert found.found["training files there"] == sum(COUNTS)
    assert found.says["test files there"] == "ok"
    assert found.found["classes"] == len(COUNTS) and found.says["classes"].startswith("differs")
    train, report = opened
    edited(train.notebook, SMALL | dict(dataset=dataset, data_root=str(root), runs=str(runs)))
    train.run_all()
    (folder,) = [p.parent for p in runs.glob("*/record.json")]
    record = json.loads((folder / "record.json").read_text())
    rows = pd.read_parquet(folder / "rows.parquet")
    assert record["train_counts"] == [*COUNTS] and record["test_images"] == 18
    assert record["config"]["rank"] == 32
    ratios = (3, 2) if dataset == "inaturalist" else (50, 25, 10, 5, 2)
    shifted = {f"{d}-{r}" for d in ("forward", "backward") for r in ratios}
    assert set(rows.environment) == {"uniform", *shifted}
    assert {"balanced", "head", "tail", "grid", "edge"} <= set(rows.preference)
    assert rows.value.notna().all()
    edited(report.notebook, dict(runs=str(runs)))
    assert data_name(dataset) in report.run_all()


def real_lists():
    return ROOT.parent / "shared/reference/lists"


@pytest.mark.skipif(not real_lists().is_dir(), reason="the public lists are not here")
def test_counts_of_the_public_places_lists():
    found = prl.data.check("places_lt", real_lists()).set_index("what")
    counted = [
        "training images listed",
        "classes",
        "largest class",
        "smallest class",
        "many, medium, few-shot classes",
        "test images listed",
        "test images of a class",
    ]
    assert (found.says[counted] == "ok").all(), found
    assert found.found["training files there"] == 0 and found.says[
        "folder of the images"
    ].startswith("get it")


def test_an_image_that_cannot_be_read_from_the_third_epoch_on(tmp_path, monkeypatch):
    "Named, the last checkpoint kept; or left out and counted. With other files it does not go on."
    row = prl.fit.training.epoch_row

    def then_tear(epoch, *rest):
        if epoch == 1:
            (root / torn).write_bytes((root / torn).read_bytes()[:200])
        return row(epoch, *rest)

    monkeypatch.setattr(prl.fit.training, "epoch_row", then_tear)
    for unreadable in ("stop", "skip"):
        root, torn = tree("places_lt", tmp_path / unreadable), "data_256/a/field0/5.jpg"
        config = Config(
            **SMALL
            | dict(
                dataset="places_lt",
                data_root=str(root),
                runs=str(tmp_path / "runs" / unreadable),
                epochs=4,
                unreadable=unreadable,
                workers=1,
            )
        )
        if unreadable == "skip":
            run_ = fit(config)
            assert run_.made_by["unreadable"] == [torn] and len(run_.history) == 4
            continue
        with pytest.raises(ValueError, match="field0/5.jpg.*unreadable='skip'"):
            fit(config)
        assert prl.load(run_folder(config), stopped=True)
        assert not (run_folder(config) / "history.parquet").exists()
        with pytest.raises(ValueError, match="it saw other images"):
            fit(config)


def test_a_list_that_names_a_missing_file(tmp_path):
    root = tree("imagenet_lt", tmp_path / "data")
    (root / "val/n01443/ILSVRC2012_val_31.JPEG").unlink()
    assert (
        prl.data.check("imagenet_lt", root).set_index("what").says["test files there"]
        == "the first that is missing: val/n01443/ILSVRC2012_val_31.JPEG"
    )
    done = run(
        sys.executable,
        "-c",
        "import sys, prl.data\n"
        "prl.data.load('imagenet_lt', sys.argv[1], image_size=32, crop='resized').test.images[:]",
        root,
    )
    assert done.returncode and "ILSVRC2012_val_31.JPEG" in done.stderr
