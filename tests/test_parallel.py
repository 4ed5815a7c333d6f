"Training in several processes: the result is that of one. On the CPU, with gloo."

import inspect
import json
import os
import re
import shutil
import sys
import time

import pandas as pd
import pytest
from conftest import run

from prl.data.kept import read_checkpoint
from prl.fit.config import Config
from prl.fit.loop import fit
from prl.fit.naming import run_folder

QUICK = dict(epochs=3, precision="float32", device="cpu", threads=1)
CONFIGS = {
    "prl": {},
    "undivided": dict(batch_size=101),
    "environment": dict(method="prl_environment"),
    "mixup": dict(mixup=0.4),
    "parts": dict(method="lade", accumulate=2, average=0.9),
    "mislas": dict(method="mislas", second_epochs=1),
    "ride": dict(method="ride", second_epochs=1, epochs=1),
    "lsc": dict(method="lsc", base="softmax", epochs=1),
}
AT_ONCE = "undivided", "mixup", "mislas"  # the others are slow tests
# On a CPU, accelerate launch would start one process.
TWO = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
pytestmark = pytest.mark.xdist_group("parallel")  # two processes are enough at a time


def python(*arguments, **options):
    return run(sys.executable, *arguments, timeout=300, **options)


def script(folder, code):
    (folder / "script.py").write_text(inspect.cleandoc(code))
    return folder / "script.py"


def same(folder, other, places=5e-4):
    "Weights, running statistics and history of two runs, up to the rounding of sums in float32."
    (about, a), (of_other, b) = (read_checkpoint(f / "model.safetensors") for f in (folder, other))
    assert list(a) == list(b) and about["step"] == of_other["step"]
    for name in a:
        assert (a[name].double() - b[name].double()).abs().max() < places, name
    here, there = (
        pd.read_parquet(f / "history.parquet").drop(columns="seconds") for f in (folder, other)
    )
    assert list(here) == list(there) and (here - there).abs().max().max() < places


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("parallel")


BOTH = """
import json, os, sys
from prl.fit.config import Config
from prl.fit.loop import fit
from prl.fit.processes import rank
from prl.fit.together import fit_together

home, configs = sys.argv[1], json.loads(sys.argv[2])
said = open(f"{home}/said{os.environ['RANK']}", "w")
for name, changes in configs.items():
    run = fit(Config(**changes, runs=f"{home}/two"))
    norm = type(run.model.phi.backbone.stem[0][1]).__name__
    loss, many = run.history.loss.iloc[-1], run.made_by["processes"]
    print(f"{name} {rank()} {loss:.6f} {norm} {many}", file=said)
usual = {"device": "cpu", "runs": f"{home}/wrong"}
for wrong in (
    [dict(seed=1), dict(seed=2)],
    [dict(device="cuda:0")],
    [dict(batch_size=1)],
    [dict(learning_rate=1e30)],
):
    try:
        fit_together([Config(**usual | changes) for changes in wrong])
    except Exception as error:
        print(f"refused {rank()} {type(error).__name__}: {error}", file=said)
"""


@pytest.fixture(scope="module")
def both(home, request):
    "All configs trained by one pair of processes, and what was tried beside."
    slow = request.config.getoption("--slow")
    configs = {k: QUICK | v for k, v in CONFIGS.items() if slow or k in AT_ONCE}
    done = python(*TWO, script(home, BOTH), home, json.dumps(configs))
    assert done.returncode == 0, done.stderr[-3000:]
    return home, "".join((home / f"said{k}").read_text() for k in (0, 1))


@pytest.mark.parametrize(
    "name", [pytest.param(k, marks=[] if k in AT_ONCE else pytest.mark.slow) for k in CONFIGS]
)
def test_two_processes_train_as_one(both, name):
    "History, weights, running statistics; batches that do not divide; second stages."
    home, said = both
    one, two = (Config(**QUICK | CONFIGS[name], runs=str(home / where)) for where in ("one", "two"))
    fit(one)
    same(run_folder(one), run_folder(two))
    told = re.findall(rf"^{name} (\d) (.*)$", said, re.M)
    assert sorted(r for r, _ in told) == ["0", "1"], "all return the run"
    assert told[0][1] == told[1][1]
    assert told[0][1].endswith(" BatchNorm2d 2")
    assert {p.name for p in run_folder(two).iterdir() if p.name[0] != "."} == {
        "model.safetensors",
        "history.parquet",
    }


@pytest.mark.parametrize(
    "says",
    [
        "ValueError: 2 runs are given, but several processes train one",
        "ValueError: device is 'cuda:0', but several processes",
        "has 1 images, for 2 processes",
        "FloatingPointError: loss of .* is not finite",
    ],
)
def test_what_all_processes_refuse(both, says):
    assert sorted(re.findall(rf"^refused (\d) .*{says}", both[1], re.M)) == ["0", "1"]


@pytest.mark.slow
def test_a_killed_process_ends_the_others_and_any_number_goes_on(both, tmp_path):
    config = Config(**QUICK, runs=str(tmp_path))
    killed = script(
        tmp_path,
        """
        import dataclasses, json, os, signal, sys
        from prl.fit.config import Config
        from prl.fit.loop import fit
        from prl.method.registry import METHODS
        real, calls = METHODS["prl"], []
        def dying(*given):
            calls.append(1)
            if len(calls) == 9 and os.environ["RANK"] == "1": os.kill(os.getpid(), signal.SIGKILL)
            return real.loss(*given)
        METHODS["prl"] = dataclasses.replace(real, loss=dying)
        fit(Config(**json.loads(sys.argv[1])))
    """,
    )
    began = time.monotonic()
    done = python(*TWO, killed, config.model_dump_json())
    assert done.returncode != 0 and "SIGKILL" in done.stderr and time.monotonic() - began < 120
    assert len(read_checkpoint(run_folder(config) / "model.safetensors")[0]["history"]) == 1, (
        "the first epoch is kept"
    )
    again = config.model_copy(update={"runs": str(tmp_path / "again")})
    shutil.copytree(run_folder(config), run_folder(again))
    fit(config)  # one process goes on,
    done = python(
        "-c",
        "import json, sys\n"
        "from accelerate import debug_launcher\n"
        "from prl.fit.config import Config\n"
        "from prl.fit.loop import fit\n"
        "if __name__ == '__main__': debug_launcher(fit, (Config(**json.loads(sys.argv[1])),), 2)",
        again.model_dump_json(),
    )  # or two, of a notebook's launcher
    assert done.returncode == 0, done.stderr[-3000:]
    for c in (config, again):
        same(run_folder(c), run_folder(Config(**QUICK, runs=str(both[0] / "two"))))
    assert read_checkpoint(run_folder(again) / "model.safetensors")[0]["made_by"]["processes"] == 2


def test_fit_starts_its_processes(home):
    config = Config(**QUICK | dict(epochs=1), processes=2, runs=str(home / "started"))
    trained = fit(config)
    assert (
        trained.made_by["processes"] == 2
        and len(trained.history) == 1
        and trained.model.class_names == list("0123456789")
    )


@pytest.mark.slow
def test_from_the_shell(tmp_path):
    done = python(
        *TWO,
        "-m",
        "prl",
        "train",
        "epochs=1",
        "device=cpu",
        "simplex_steps=2",
        f"runs={tmp_path}",
    )
    assert done.returncode == 0 and done.stdout.count("1 epoch, CPU") == 1, done.stderr[-3000:]
    record = json.loads(
        (tmp_path / "digits-ir50-prl-epochs1-simplex_steps2-s0" / "record.json").read_text()
    )
    assert record["processes"] == 2 and (tmp_path / record["run"] / "rows.parquet").exists()


def test_without_accelerate(tmp_path):
    (tmp_path / "accelerate.py").write_text("raise ImportError('not there')")
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"}
    code = script(
        tmp_path,
        """
        import sys
        from prl.fit import Config, fit
        fit(Config(epochs=1, runs=sys.argv[1]))
        fit(Config(epochs=2, processes=2, runs=sys.argv[1]))
        """,
    )
    done = python(code, tmp_path, env=environment)
    assert "ImportError: accelerate is not installed, which several processes need" in done.stderr
    assert ".[parallel]'" in done.stderr, "it says how to install it"
    assert [p.name for p in tmp_path.glob("digits*")] == ["digits-ir50-prl-epochs1-s0"], (
        "one process does without"
    )
