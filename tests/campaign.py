"What is killed, damaged or cut short is lost to no one: `make campaign ARGS='minutes=30'`."

import hashlib
import os
import platform
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from pathlib import Path

import torch

import prl
from prl.control.cache import read_cache, write_cache
from prl.control.page import export_page
from prl.data.checksum import verify
from prl.data.kept import read_checkpoint, read_table
from prl.fit.config import Config
from prl.fit.machine import commit
from prl.fit.naming import run_folder
from prl.fit.origin import config_of
from prl.fit.together import fit_together
from prl.model.export import export_onnx, export_program
from prl.model.features import read_features
from prl.record import collect, examine, read_tried

ROOT = Path(__file__).parent.parent
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


def configs_of(case: str, home) -> list:
    return [Config(**SHORT | fields, runs=str(home)) for fields in TRAINED[case]]


def trained(case: str, home) -> None:
    "Train the runs of a case, evaluate them, and leave their records."
    for run in fit_together(configs_of(case, home)):
        examine(run)


def digest(*parts) -> str:
    found = hashlib.sha256()
    for part in parts:
        tensor = isinstance(part, torch.Tensor)
        found.update(part.detach().contiguous().numpy().tobytes() if tensor else str(part).encode())
    return found.hexdigest()[:16]


def answer(case: str, home) -> list:
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


# ---- a process of its own: forked, so that what is cut short is the work and not the imports


def begin(log: Path, function, *arguments) -> int:  # its number, which is its group's too
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(said, 1)
        os.dup2(said, 2)
        function(*arguments)
        code = 0
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stderr.flush()
    os._exit(code)


def end(pid: int, within: float = None) -> int:  # its exit code; -9 where it was killed
    "Wait for a process, or kill it with all that it has begun after some seconds."
    until = time.monotonic() + (within if within is not None else 600)
    while time.monotonic() < until:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.killpg(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][:300] if lines else "nothing was said"


# ---- faults: each tries one, and gives "survived", or what was lost


class Faults:
    def __init__(self, home: Path, draw: random.Random):
        self.home, self.draw, self.log = home, draw, home / "log.txt"
        self.seconds, self.expected = {}, {}
        for case in TRAINED:
            began = time.monotonic()
            code = end(begin(self.log, trained, case, home / "undisturbed"))
            assert code == 0, f"{case} fails undisturbed: {last_line(self.log)}"
            self.seconds[case] = time.monotonic() - began
            self.expected[case] = answer(case, home / "undisturbed")
        self.count = 0

    def fresh(self) -> Path:
        self.count += 1
        return self.home / f"try{self.count}"

    def ends_alike(self, case, where) -> str:
        code = end(begin(self.log, trained, case, where))
        if code:
            return f"{case} does not go on: {last_line(self.log)}"
        same = answer(case, where) == self.expected[case]
        shutil.rmtree(where)
        return "survived" if same else f"{case} ends otherwise"

    def kill(self) -> str:
        "Killed one to three times at any moment of training, evaluation and writing."
        case, where = self.draw.choice(list(TRAINED)), self.fresh()
        for _ in range(self.draw.randint(1, 3)):
            moment = self.draw.uniform(0, 1.1 * self.seconds[case])
            end(begin(self.log, trained, case, where), moment)
        lock = subprocess.run(
            ["git", "rev-parse", "--git-path", "index.lock"],
            cwd=ROOT,
            capture_output=True,
            text=True,
        ).stdout.strip()
        if lock and (ROOT / lock).exists():
            return f"{lock} is left in the clone"
        return self.ends_alike(case, where)

    def full_disk(self) -> str:
        "Files end at some size, as on a disk that is full."
        case, where = self.draw.choice(list(TRAINED)), self.fresh()
        most = int(10 ** self.draw.uniform(4.3, 5.7))  # bytes; what is said needs some too

        def without_room():
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
            trained(case, where)

        code = end(begin(self.log, without_room))
        if code and "could not" not in self.log.read_text(errors="replace"):
            return f"{case}, {most} bytes: {last_line(self.log)}"
        return self.ends_alike(case, where)

    def read_only(self) -> str:
        "A folder that its user may not write in is named, before anything is trained."
        where = self.fresh()
        where.mkdir(mode=0o555)

        def as_nobody():
            if os.geteuid() == 0:
                os.setgroups([])
                os.setuid(65534)
            trained("prl", where)

        self.home.chmod(0o755)
        code = end(begin(self.log, as_nobody))
        said = last_line(self.log)
        return "survived" if code and str(where) in said else f"read-only: {said}"

    def two_starters(self) -> str:
        "Two begin the same run at once: one trains, the other finds what is there."
        case, where = self.draw.choice(list(TRAINED)), self.fresh()
        logs = self.home / "one.txt", self.home / "other.txt"
        both = [begin(log, trained, case, where) for log in logs]
        codes = [end(pid) for pid in both]
        if any(codes):
            return f"{case}, started twice: {last_line(logs[codes.index(max(codes))])}"
        return self.ends_alike(case, where)

    def killed_beside(self) -> str:
        "Of two starters the one that works is killed: the other goes on."
        case, where = self.draw.choice(list(TRAINED)), self.fresh()
        first = begin(self.log, trained, case, where)
        second = begin(self.home / "other.txt", trained, case, where)
        end(first, self.draw.uniform(0, self.seconds[case]))
        if end(second):
            return f"{case}, beside a killed one: {last_line(self.home / 'other.txt')}"
        return self.ends_alike(case, where)


# ---- damage: every file that a run leaves, read by what reads it


def whole_zip(path) -> str:
    try:
        with zipfile.ZipFile(path) as file:
            broken = file.testzip()
    except Exception as error:  # of every kind
        broken = error
    if broken:
        raise ValueError(f"{path} is damaged ({broken})")
    return "whole"


def of_model(folder) -> str:
    model = prl.load(folder)
    return digest(*model.state_dict().values(), model.class_names, model.train_counts, model.view)


def of_cache(path) -> str:
    cache = read_cache(path)
    return digest(cache.features, cache.labels, cache.measures, cache.about, cache.model.heads())


def of_frame(frame) -> str:
    return digest(frame.to_csv(float_format="%.17g"))


def leave_everything(home: Path) -> Path:
    "A run with all that can be made of it."
    trained("prl", home)
    (folder,) = map(run_folder, configs_of("prl", home))
    write_cache(folder)
    export_page(folder)
    prl.save_pretrained(folder, folder / "given")
    model = prl.load(folder)
    export_onnx(model, folder / "model.onnx")
    export_program(model, folder / "model.pt2")
    return folder


def readers(folder: Path) -> dict:  # file -> what is read from it
    def table(name):
        return lambda: of_frame(read_table(folder / name))

    def checked(name):  # a file that other programs read
        return lambda: f"whole: {verify(folder / name)}"

    return {
        "model.safetensors": lambda: of_model(folder),
        "given/model.safetensors": lambda: of_model(folder / "given"),
        "given/config.json": lambda: of_model(folder / "given"),
        "features.safetensors": lambda: digest(
            read_features(prl.load(folder), folder / "features.safetensors")
        ),
        "dial.safetensors": lambda: of_cache(folder / "dial.safetensors"),
        "rows.parquet": lambda: of_frame(collect(folder.parent)),
        "record.json": lambda: of_frame(collect(folder.parent)) + str(config_of(folder)),
        "grid.parquet": lambda: digest(*read_tried(folder)),
        "correct.parquet": table("correct.parquet"),
        "history.parquet": table("history.parquet"),
        "dial.html": checked("dial.html"),
        "model.onnx": checked("model.onnx"),
        "model.pt2": lambda: whole_zip(folder / "model.pt2"),
    }


KINDS = "emptied", "cut", "one bit turned", "one bit turned", "one bit turned"


def harmed(content: bytes, kind: str, draw: random.Random) -> bytes:
    if kind == "emptied":
        return b""
    place = draw.randrange(len(content))
    if kind == "cut":
        return content[:place]
    turned = bytearray(content)
    turned[place] ^= 1 << draw.randrange(8)
    return bytes(turned)


def damage(folder: Path, draw: random.Random, until: float):
    "Harm one file after another; what is read is the same, or an error names the file."
    every = readers(folder)
    expected = {name: read() for name, read in every.items()}
    while True:
        for name, read in every.items():
            whole, kind = (folder / name).read_bytes(), draw.choice(KINDS)
            (folder / name).write_bytes(harmed(whole, kind, draw))
            try:
                found = read()
                same = found == expected[name] or name in CHECKED and unmarked(folder / name)
                outcome = "survived" if same else f"{name}, {kind}: another answer"
            except Exception as error:
                named = Path(name).name in str(error)
                outcome = "survived" if named else f"{name}, {kind}: {error!r:.200}"
            finally:
                (folder / name).write_bytes(whole)
            yield f"{kind}, {Path(name).suffix[1:]}", outcome
        if time.monotonic() > until:
            return


CHECKED = "dial.html", "model.onnx"


def unmarked(path: Path) -> bool:
    "The bit was one of the mark itself, or the end with it is cut off: other programs see that."
    return not verify(path)


# ---- all of it

ABOUT = (
    "What `make campaign` tried last. A run that was killed, found its disk full or was started "
    "twice has survived if it then ends bit for bit like the undisturbed one; a damaged file, if "
    "the answer is the same or an error names the file."
)


def main(seed: int = 0, minutes: float = 10, report: str = "") -> int:
    draw, outcomes = random.Random(seed), []

    def count(kind, outcome):
        outcomes.append((kind, outcome))
        if outcome != "survived":
            print(f"LOST {kind}: {outcome}", flush=True)

    with tempfile.TemporaryDirectory() as home:
        faults = Faults(Path(home).resolve(), draw)
        folder = leave_everything(Path(home) / "harmed")
        began = time.monotonic()
        for outcome in damage(folder, draw, began + 15 * minutes):
            count(*outcome)
        count("read-only folder", faults.read_only())
        others = [faults.full_disk, faults.two_starters, faults.killed_beside]
        tries = {"killed": faults.kill} | {f.__name__.replace("_", " "): f for f in others}
        while time.monotonic() - began < 60 * minutes:
            kind = draw.choice(["killed", "killed", *tries])
            count(kind, tries[kind]())
    tried = Counter(kind for kind, _ in outcomes)
    survived = Counter(kind for kind, outcome in outcomes if outcome == "survived")
    lines = ["| fault | tried | survived | lost |", "|---|---|---|---|"]
    for kind in sorted(tried):
        lost = tried[kind] - survived[kind]
        lines.append(f"| {kind} | {tried[kind]} | {survived[kind]} | {lost} |")
    lost = len(outcomes) - sum(survived.values())
    lines.append(f"| all | {len(outcomes)} | {sum(survived.values())} | {lost} |")
    made = f"Seed {seed}, {minutes:g} minutes, commit {commit()}, {platform.machine()}, "
    made += f"Python {platform.python_version()}, torch {torch.__version__}."
    text = "\n".join(lines) + f"\n\n{made}\n"
    print(text)
    if report:
        Path(report).write_text(f"# The fault campaign\n\n{ABOUT}\n\n{text}")
    return bool(lost)


if __name__ == "__main__":
    torch.set_num_threads(1)
    given = dict(argument.split("=", 1) for argument in sys.argv[1:])
    kinds = {"seed": int, "minutes": float, "report": str}
    sys.exit(main(**{name: kinds[name](value) for name, value in given.items()}))
