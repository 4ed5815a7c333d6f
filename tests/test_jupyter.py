"The habits of Jupyter: run everything, change a value, run everything again, in one kernel."

import os
import re
import shutil
import signal
import threading
import time

import nbformat
import pytest
from conftest import ROOT, of_all_workers
from filelock import FileLock
from kernel import Open, edited
from nbclient.exceptions import CellExecutionError

from prl.fit.config import Config
from prl.fit.naming import run_folder
from prl.report.systems import as_systems
from prl.study.many import study

SHORT = dict(budget="paper", epochs=1)
PAIR = dict(methods=["softmax", "dial"], **SHORT)
# notebook: what makes it small, what is changed then, what its second run says and its first not
TWICE = {
    "train": (dict(epochs=1), dict(epochs=2), "prl-epochs2-s0"),
    "explore": ({}, dict(data_root="nowhere", page="second.html"), r"second\.html"),
    "explain": (
        dict(run="digits-ir50-prl-epochs1-s0", pictures=1, checked=4),
        dict(run="digits-ir50-dial-epochs1-s0"),
        r"100\.0 % is the shift",  # a post-hoc dial is nothing else
    ),
    "domain": (
        dict(
            run="digits-ir50-prl-epochs1-s0",
            kinds=["noise"],
            size=50,
            adapted=50,
            sizes=[50],
            draws=1,
        ),
        dict(run="digits-ir50-dial-epochs1-s0", kinds=["jpeg"]),
        "jpeg, mild",
    ),
    "elicit": (
        dict(users=5, questions=3),
        dict(run="digits-ir50-dial-epochs1-s0", users=6),
        r"6 users",
    ),
    "compare": (dict(**PAIR, sizes=False), dict(methods=["softmax", "sade"]), "SADE"),
    "control": (
        dict(**PAIR, resamples=9),
        dict(methods=["dial", "prl"], rivals=["prl"]),
        "is the PRL",
    ),
    "adapt": (
        dict(methods=["dial"], draws=1, sizes=[50], views=False, **SHORT),
        dict(sizes=[60]),
        "60 images",
    ),
    "ablation": (dict(epochs=1, seeds=1), dict(seeds=2), "2 seeds"),
    "recipe": (
        dict(epochs=1, candidates=[], together=2),
        dict(candidates=[{"average": 0.9}]),
        "average 0.9",
    ),
    "report": (dict(dataset="cifar100"), dict(dataset="digits"), "digits"),
    "benchmark": (dict(only="use", width="reduced", classes=10), dict(classes=5), " 5 classes"),
    "worth": (
        dict(methods=["softmax"], splits=1, epochs=1),
        dict(methods=["dial"]),
        "post-hoc dial",
    ),
    "fewshot": (
        dict(methods=["softmax"], draws=1, epochs=1, rare=[1], late=[2], late_classes=1, tuning=1),
        dict(methods=["dial"], rare=[5]),
        "post-hoc dial",
    ),
}
# the same with all systems and parts that the notebook has; tested from the project's root
WHOLE = TWICE | {
    "compare": (
        dict(**SHORT, sizes=True),
        dict(methods=["softmax", "dial"], seeds=2, sizes=False),
        "2 seeds",
    ),
    "control": (dict(**SHORT, resamples=9), *TWICE["control"][1:]),
    "adapt": (
        dict(draws=1, sizes=[50], **SHORT),
        dict(methods=["dial"], sizes=[60], views=False),
        "60 images",
    ),
    "benchmark": (dict(width="reduced", classes=10), dict(only="use", classes=5), " 5 classes"),
    "worth": (dict(epochs=1), dict(methods=["softmax"], splits=1), ", 1 split,"),
    "fewshot": (dict(epochs=1), dict(methods=["softmax"], draws=1), ", 1 draw,"),
}
NO_RUNS = (
    "explore",
    "explain",
    "domain",
    "elicit",
    "report",
    "benchmark",
)  # they have no parameter `runs`
WRONG = [  # notebook, what papermill gives it, what the error says
    ("train", dict(epohcs=3), "unknown parameter 'epohcs'; did you mean 'epochs'"),
    ("train", dict(epochs="three"), "epochs is 'three'"),
    ("train", dict(method="balanced_sofmax"), "did you mean 'balanced_softmax'"),
    ("train", dict(method="dial", first="nowhere"), "no trained model lies there"),
    (
        "train",
        dict(dataset="cifar100", download=False, data_root="nowhere"),
        "Looked for torchvision",
    ),
    ("explore", dict(rum="reports/runs/digits-ir50-prl-s0"), "did you mean 'run'"),
    ("explain", dict(pictures=0), "pictures is 0"),
    ("explain", dict(run="digits-ir50-prl-s9"), "no run"),
    ("domain", dict(draws=0), "draws is 0"),
    ("domain", dict(kinds=["nose"]), "did you mean 'noise'"),
    ("elicit", dict(users=0), "users is 0"),
    ("elicit", dict(run="digits-ir50-prl-s9"), "no run"),
    ("compare", dict(methods=["softmax", "sadee"]), "did you mean 'sade'"),
    ("compare", dict(published="nowhere.csv"), "cannot be read as CSV"),
    ("compare", dict(seed=3), "seed is set by this notebook itself"),
    ("ablation", dict(cluster="local"), "expected a scheduler's address"),
    ("recipe", dict(holdout=0.0), "never on test images"),
    ("recipe", dict(candidates=[{"schedul": "cosine"}]), "did you mean 'schedule'"),
    ("report", dict(datasets="digits"), "did you mean 'dataset'"),
    ("worth", dict(splits=0), "splits is 0"),
    ("worth", dict(validation_fraction=0.0), "no validation part"),
    ("fewshot", dict(rare=[0]), "images is 0"),
    ("fewshot", dict(late=[900]), "0 classes have 900 training images"),
    ("benchmark", dict(only="trian"), "expected all or some of train, tried"),
    (
        "benchmark",
        dict(sade="nowhere", only="train", branches=3),
        "give the folder of a checkout",
    ),
]


@pytest.fixture(scope="session")
def trained(request, tmp_path_factory):
    "The short runs of the notebooks below, trained in one process instead of one after the other."
    names = "softmax", "dial", "sade", "prl", "prl_no_tchebycheff", "prl_no_hypernet"
    systems = [dict(method=name) for name in names]
    every = [s for s in as_systems(None, "digits") if s not in systems]
    again = [s | {"seed": 1} for s in systems if s["method"] != "sade"]
    if request.config.getoption("--slow"):
        systems += every
    with FileLock(of_all_workers(tmp_path_factory) / "short.lock"):
        configs = [Config(**system, epochs=1) for system in systems + again]
        study(configs, together=len(configs))


def places():
    "Every notebook opened from `nbs/`, as Jupyter does, and whole from the project's root."
    for name in TWICE:
        yield pytest.param(name, "nbs", id=name)
        marks = [] if name == "explore" else pytest.mark.slow
        yield pytest.param(name, ".", marks=marks, id=f"{name} from the root")


@pytest.mark.parametrize("name, folder", [*places()])
def test_run_all_change_a_value_run_all(name, folder, trained, tmp_path):
    small, change, seen = (TWICE if folder == "nbs" else WHOLE)[name]
    if name == "explore":
        small, change = (
            dict(page=str(tmp_path / "first.html")),
            change | {"page": str(tmp_path / change["page"])},
        )
    if name == "report" and folder == "nbs":
        small = small | {"runs": str(few_runs(tmp_path / "few"))}
    opened = Open(name, ROOT / folder)
    edited(opened.notebook, small)
    with opened.client.setup_kernel():
        if folder == "nbs":
            refuses(opened, name, tmp_path / "runs")
        before = opened.run_all()
        edited(opened.notebook, change)
        after = opened.run_all()
    assert not re.search(seen, before) and re.search(seen, after), after


def few_runs(folder):
    "Two of the repository's runs, since a figure for each takes its time."
    for run in ("digits-ir50-prl-s0", "cifar100-ir100-prl-epochs24-s0"):
        shutil.copytree(ROOT / "reports/runs" / run, folder / run)
    return folder


def refuses(opened, name, runs):
    "Wrong parameters stop before anything is read or trained, in a kernel that goes on afterwards."
    for values, says in [(values, says) for about, values, says in WRONG if about == name]:
        where = {} if name in NO_RUNS else {"runs": str(runs)}
        with pytest.raises(CellExecutionError) as error:
            opened.injected(values | where)
        assert says in error.value.evalue
    assert not runs.exists()


def test_interrupted_and_run_again_goes_on(tmp_path):
    opened = Open("train")
    edited(opened.notebook, dict(runs=str(tmp_path), epochs=200, checkpoint_minutes=0))
    cells = opened.notebook.cells
    fits = next(k for k, c in enumerate(cells) if c.source.startswith("run = fit("))
    kernel = nbformat.v4.new_code_cell("import os\nprint(os.getpid())")
    cells.append(kernel)
    folder = run_folder(Config(runs=str(tmp_path), epochs=200))

    def stop(process):
        while not (folder / "model.safetensors").exists():
            time.sleep(0.01)
        os.kill(process, signal.SIGINT)

    with opened.client.setup_kernel():
        process = int(opened.run([kernel]))
        opened.run(cells[:fits])
        threading.Thread(target=stop, args=(process,), daemon=True).start()
        with pytest.raises(CellExecutionError, match="KeyboardInterrupt"):
            opened.run([cells[fits]])
        assert "goes on from its checkpoint, step" in opened.run([cells[fits]])
    assert (folder / "history.parquet").exists()
