"Where runs of the tests go, the project as a newcomer gets it, a browser, the last lines."

import os
import shutil
import subprocess
import sys
import venv
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).parent.parent
SLOW = "slow: `make test ARGS=--slow` runs them too"
NO_BROWSER = "in a browser, and neither Chromium nor Chrome is installed: apt-get install chromium"
# Tests run side by side: threads of one would wait for those of another.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# A `make` that a test calls is not to take over what `make test ARGS=--slow` was given.
for name in ("ARGS", "MAKEFLAGS", "MAKEOVERRIDES", "MFLAGS", "MAKELEVEL"):
    os.environ.pop(name, None)
# Known before pytest reads --hypothesis-profile; the short one draws the same inputs every time.
settings.register_profile("short", max_examples=25, deadline=None, derandomize=True)
settings.register_profile("long", max_examples=2500, deadline=None, print_blob=True)
settings.load_profile("short")


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="run the slow tests too")


def pytest_collection_modifyitems(config, items):
    # a group stays in one process: begun last, it would run on when all else is done
    items.sort(key=lambda item: item.get_closest_marker("xdist_group") is None)
    if not config.getoption("--slow"):
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker(pytest.mark.skip(reason=SLOW))


def run(*command, cwd=ROOT, **options):
    "A command's finished process, its output as text."
    return subprocess.run(
        [str(c) for c in command], cwd=cwd, capture_output=True, text=True, **options
    )


def of_all_workers(tmp_path_factory):
    "The folder of this run of pytest: a model that one worker has trained there serves the others."
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session", autouse=True)
def elsewhere(tmp_path_factory):
    "Runs of the tests do not touch the project's reports."
    os.environ["PRL_RUNS"] = str(of_all_workers(tmp_path_factory) / "runs")


def fresh_copy(folder):
    "A copy of all files that git has or would add, committed, without anything installed."
    copy = folder / "prl"
    for name in run("git", "ls-files", "-co", "--exclude-standard").stdout.splitlines():
        if (ROOT / name).exists():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    who = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    for command in (["init", "-q"], ["add", "-A"], [*who, "commit", "-qm", "copy"]):
        assert run("git", *command, cwd=copy).returncode == 0
    return copy


@pytest.fixture(scope="session")
def clone(tmp_path_factory):
    return fresh_copy(tmp_path_factory.mktemp("clone"))


of_newcomer = pytest.mark.xdist_group("newcomer")  # one process makes that copy


@pytest.fixture(scope="session")
def newcomer(tmp_path_factory):
    "A copy with an environment of its own: packages are lent by this one, the project is its own."
    clone = fresh_copy(tmp_path_factory.mktemp("newcomer"))
    venv.create(clone / ".venv", symlinks=True)
    lib = next((clone / ".venv").glob("lib/python*/site-packages"))
    (lib / "lent.pth").write_text(next(p for p in sys.path if p.endswith("site-packages")) + "\n")
    pip = [clone / ".venv/bin/python", "-m", "pip", "install", "-q"]
    done = run(*pip, "--no-deps", "--no-build-isolation", "-e", ".", cwd=clone)
    assert done.returncode == 0, done.stderr
    (clone / ".venv/share").symlink_to(Path(sys.prefix) / "share")  # page templates of nbconvert
    for name in ("papermill", "jupyter", "nbdev_clean", "nbdev_export"):
        lines = (Path(sys.executable).parent / name).read_text().split("\n", 1)
        (clone / ".venv/bin" / name).write_text(f"#!{clone}/.venv/bin/python\n{lines[1]}")
        (clone / ".venv/bin" / name).chmod(0o755)
    (clone / ".venv/bin/ruff").symlink_to(Path(sys.executable).parent / "ruff")
    stamped(clone)
    return clone


def stamped(clone):
    "All is installed: the second stamp is no older than the first."
    for name in ("installed", "installed-dev"):
        (clone / ".venv/bin" / name).touch()


def shell(command, cwd):
    "A command in a shell of the clone's environment, without the tests' folder of runs."
    environment = {k: v for k, v in os.environ.items() if k != "PRL_RUNS"} | {
        "PATH": f"{cwd / '.venv/bin'}:{os.environ['PATH']}"
    }
    done = run("bash", "-c", command, cwd=cwd, env=environment)
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
    return done.stdout + done.stderr


@pytest.fixture(scope="session")
def trained_newcomer(newcomer):
    out = shell("make train", newcomer)
    assert "Report: runs/digits-ir50-prl-s0/train.html" in out
    return newcomer


@pytest.fixture(scope="session")
def browser():
    "The Chromium or Chrome of the machine, without a window."
    names = "chromium", "chromium-browser", "google-chrome"
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip(NO_BROWSER)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield chromium
        chromium.close()


def pytest_unconfigure(config):
    if hasattr(config, "workerinput"):
        return  # of pytest-xdist: the one that sent it counts
    stats = getattr(config.pluginmanager.get_plugin("terminalreporter"), "stats", {})
    left_out = Counter(report.longrepr[2] for report in stats.get("skipped", []))
    print()
    for reason, count in left_out.most_common():
        print(f"{count} left out, {reason.removeprefix('Skipped: ')}")
    passed, failed, broken = (len(stats.get(k, [])) for k in ("passed", "failed", "error"))
    print(f"{passed} passed, {failed + broken} failed")
