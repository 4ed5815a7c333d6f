"Where runs of the tests go, a copy of the project as a newcomer gets it, and the last line."

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
os.environ.setdefault(
    "OMP_NUM_THREADS", "1"
)  # tests run side by side: threads of one would wait for those of another


def run(*command, cwd=ROOT, **options):
    "A command's finished process, its output as text."
    return subprocess.run(
        [str(c) for c in command], cwd=cwd, capture_output=True, text=True, **options
    )


@pytest.fixture(scope="session", autouse=True)
def elsewhere(tmp_path_factory):
    "Runs of the tests do not touch the project's reports."
    os.environ["PRL_RUNS"] = str(tmp_path_factory.mktemp("runs"))


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


@pytest.fixture(scope="session")
def newcomer(tmp_path_factory):
    "A copy with an environment of its own; the packages are lent by this one, the project is installed from the copy."
    clone = fresh_copy(tmp_path_factory.mktemp("newcomer"))
    venv.create(clone / ".venv", symlinks=True)
    lib = next((clone / ".venv").glob("lib/python*/site-packages"))
    (lib / "lent.pth").write_text(next(p for p in sys.path if p.endswith("site-packages")) + "\n")
    done = run(
        clone / ".venv/bin/python",
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-e",
        ".",
        cwd=clone,
    )
    assert done.returncode == 0, done.stderr
    (clone / ".venv/share").symlink_to(Path(sys.prefix) / "share")  # page templates of nbconvert
    for name in ("papermill", "jupyter", "nbdev_clean", "nbdev_export"):
        lines = (Path(sys.executable).parent / name).read_text().split("\n", 1)
        (clone / ".venv/bin" / name).write_text(f"#!{clone}/.venv/bin/python\n{lines[1]}")
        (clone / ".venv/bin" / name).chmod(0o755)
    (clone / ".venv/bin/installed").touch()
    return clone


def pytest_unconfigure(config):
    if hasattr(config, "workerinput"):
        return  # of pytest-xdist: the one that sent it counts
    stats = getattr(config.pluginmanager.get_plugin("terminalreporter"), "stats", {})
    print(
        f"\n{len(stats.get('passed', []))} passed, {len(stats.get('failed', [])) + len(stats.get('error', []))} failed"
    )
