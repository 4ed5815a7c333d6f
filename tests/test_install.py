"What a user gets who installs the package: from a clone, and from a wheel without one."

import os
import sys

import pytest
from conftest import of_newcomer, run

from prl.control.cache import read_cache

WHEEL = """
import importlib, pkgutil
import prl
for module in pkgutil.walk_packages(prl.__path__, "prl."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
from prl.fit import Config, fit
from prl.control.page import export_page
run = fit(Config(epochs=2, simplex_steps=4))
from prl.record import examine
examine(run)
print(prl.__file__, export_page(run.folder), sep="\\n")
"""


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


def test_wheel_without_the_clone(site, tmp_path):
    "Every module imports, digits are trained, the dial's page is written."
    environment = {k: v for k, v in os.environ.items() if k != "PRL_RUNS"} | {
        "PYTHONPATH": str(site)
    }
    done = run(sys.executable, "-c", WHEEL, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    package, page = done.stdout.splitlines()[-2:]
    assert package.startswith(str(site))
    assert "</html>" in (tmp_path / page).read_text()[-200:]
    folder = (tmp_path / page).parent
    assert read_cache(folder).model.class_names == list("0123456789")
