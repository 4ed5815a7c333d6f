"What a notebook cannot test of a cluster: workers as processes, one killed in the middle of a run."

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

import pandas as pd
import psutil
import pytest
from conftest import ROOT
from distributed import LocalCluster

from prl.data.kept import read_checkpoint
from prl.data.storage import hold, holder
from prl.fit.config import Config
from prl.fit.naming import run_folder
from prl.study.cluster import connected
from prl.study.many import study

JOURNAL = """
import os, time
import prl.fit.training as t
save = t.save_checkpoint

def saved(run):
    save(run)
    with open({!r}, "a") as file:
        file.write(f"{{run.folder.name}} {{run.step}} {{os.getpid()}}\\n")
    # so that a run lasts some seconds on every machine: a kernel outlives its worker for up to one
    time.sleep(.1)

t.save_checkpoint = saved
"""


@pytest.fixture
def journal(tmp_path, monkeypatch):
    "A file with a line for each checkpoint that a kernel writes: run, step, process."
    startup = tmp_path / "ipython/profile_default/startup"
    startup.mkdir(parents=True)
    (startup / "00-journal.py").write_text(JOURNAL.format(str(tmp_path / "journal")))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    return tmp_path / "journal"


def kill_worker_of(folder, killed):
    "Once the run has a checkpoint, kill the worker whose kernel trains it."
    while not (folder / "model.safetensors").exists():
        time.sleep(0.02)
    killed["kernel"] = int(re.search(r"process (\d+)", holder(folder))[1])
    killed["worker"] = psutil.Process(killed["kernel"]).ppid()
    os.kill(killed["worker"], signal.SIGKILL)


@pytest.mark.slow
def test_a_killed_worker_costs_no_run_and_trains_none_twice(tmp_path, journal, monkeypatch, capsys):
    configs = [
        Config(runs=os.path.relpath(tmp_path / "runs", ROOT), simplex_steps=4, **given)
        for given in (
            dict(method="balanced_softmax", epochs=50),
            dict(method="dial", epochs=2),
            dict(method="softmax", epochs=2, seed=1),
        )
    ]
    (
        long := tmp_path / ("long" * 20)
    ).mkdir()  # as a cluster's TMPDIR may be: a socket's path has no room there
    monkeypatch.chdir(long)
    with monkeypatch.context() as of_workers:
        of_workers.setenv("TMPDIR", str(long))
        cluster = LocalCluster(
            n_workers=3,
            threads_per_worker=1,
            dashboard_address=None,
            local_directory=str(tmp_path / "dask"),
        )  # its workers stand in another folder
    monkeypatch.chdir(ROOT)
    victim, killed = run_folder(configs[0]), {}
    killer = threading.Thread(target=kill_worker_of, args=(victim, killed), daemon=True)
    with cluster:
        killer.start()
        rows = study(configs, cluster=cluster)
        assert killed["worker"] and not psutil.pid_exists(killed["kernel"]), (
            "its kernel went with it"
        )
    printed = capsys.readouterr().out
    assert set(rows.run) == {run_folder(c).name for c in configs}
    names = sorted(p.name for p in victim.parent.iterdir())
    assert len(names) == 4 and all(f" {name}: " in printed for name in names) and "4/4 " in printed
    lines = pd.read_csv(journal, sep=" ", names=["run", "step", "process"])
    for name in names:
        folder, saved = victim.parent / name, lines[lines.run == name]
        assert {"record.json", "rows.parquet", "train.ipynb", "train.html"} <= {
            p.name for p in folder.iterdir()
        }
        steps = read_checkpoint(folder / "model.safetensors")[0]["step"]
        assert (
            saved.step.is_unique
            and saved.step.is_monotonic_increasing
            and saved.step.iloc[-1] == steps
        ), f"{name} took a step twice"
        assert saved.process.nunique() == (2 if folder == victim else 1), name
        history = pd.read_parquet(folder / "history.parquet")
        assert history.epoch.tolist() == (
            list(range(1, 51 if folder == victim else 3)) if steps else [0]
        ), name
        said = "".join(
            line
            for c in json.loads((folder / "train.ipynb").read_text())["cells"]
            for o in c.get("outputs", [])
            for line in o.get("text", [])
        )
        assert ("goes on from its checkpoint, step" in said) == (folder == victim), said
    before = lines[(lines.run == victim.name) & (lines.process == killed["kernel"])]
    assert 0 < before.step.max() < lines[lines.run == victim.name].step.max(), (
        "it was killed on the way"
    )


def test_local_workers_have_a_gpu_and_cores_of_their_own(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")  # of a machine that has none
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    with connected(2) as client:
        client.wait_for_workers(2)
        workers = client.scheduler_info()["workers"]
        assert [(w["nthreads"], w["resources"]) for w in workers.values()] == [(1, {"GPU": 1})] * 2
        assert sorted(client.run(os.getenv, "CUDA_VISIBLE_DEVICES").values()) == ["5", "7"]
        assert all(int(n) >= 1 for n in client.run(os.getenv, "OMP_NUM_THREADS").values())
        assert client.run_on_scheduler(lambda dask_scheduler: dask_scheduler.allowed_failures) == 3
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "5,7"


APART = """
from prl.fit import Config
from prl.study.many import measure_apart
measure_apart(Config(runs={!r}, epochs=2000))
"""


def test_a_measured_run_ends_with_the_worker_that_started_it(tmp_path):
    folder = run_folder(Config(runs=str(tmp_path), epochs=2000))
    with subprocess.Popen([sys.executable, "-c", APART.format(str(tmp_path))], cwd=ROOT) as worker:
        while not (folder / "model.safetensors").exists() and worker.poll() is None:
            time.sleep(0.02)
        worker.kill()
    with hold(folder):  # waits until the run's own process is gone
        done = read_checkpoint(folder / "model.safetensors", weights=False)[0]
    assert 0 < len(done["history"]) < 2000
