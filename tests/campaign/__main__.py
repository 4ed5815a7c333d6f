"What is killed, damaged or cut short is lost to no one: `make campaign ARGS='minutes=30'`."

import platform
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import torch
from damage import damage, leave_everything
from faults import Faults
from tqdm import tqdm

from prl.fit.machine import commit, hardware

RULE = (
    "A run that was killed, lost one of its processes, found its disk full or was started twice "
    "has survived if it then ends bit for bit like the undisturbed one. A damaged file (emptied, "
    "cut, one bit turned) has, if what is read of it is the same or an error names it."
)


def table(outcomes: list) -> str:  # of (kind, outcome)
    "Tried, survived and lost, by kind."
    tried = Counter(kind for kind, _ in outcomes)
    survived = Counter(kind for kind, outcome in outcomes if outcome == "survived")
    lines = ["| fault | tried | survived | lost |", "|---|---:|---:|---:|"]
    for kind in sorted(tried):
        lost = tried[kind] - survived[kind]
        lines.append(f"| {kind} | {tried[kind]} | {survived[kind]} | {lost} |")
    return "\n".join(lines)


def page(outcomes: list, seed: int, minutes: float) -> str:
    "The result, its table, how it was made."
    survived = sum(outcome == "survived" for _, outcome in outcomes)
    lost = len(outcomes) - survived
    said = f"Of {len(outcomes)} faults {survived} were survived, and {lost or 'none'} lost. {RULE}"
    made = f'Made by `make campaign ARGS="seed={seed} minutes={minutes:g}"`, commit {commit()}, '
    made += f"on {hardware(torch.device('cpu'))}, Python {platform.python_version()}, "
    made += f"torch {torch.__version__}."
    return "\n\n".join(["# The fault campaign", said, table(outcomes), made]) + "\n"


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
        harmed = damage(folder, draw, began + 6 * minutes)
        for outcome in tqdm(harmed, "damage", unit="file", leave=False):
            count(*outcome)
        count("read-only folder", faults.read_only())
        tries = faults.tries()
        order = [*tries]  # each once, then as it is drawn
        with tqdm(desc="runs", unit="fault") as bar:
            while time.monotonic() - began < 60 * minutes or order:
                kind = order.pop(0) if order else draw.choice(["killed", "killed", *tries])
                bar.set_postfix_str(kind)
                count(kind, tries[kind]())
                bar.update()
    text = page(outcomes, seed, minutes)
    print(text)
    if report:
        Path(report).write_text(text)
    return any(outcome != "survived" for _, outcome in outcomes)


if __name__ == "__main__":
    torch.set_num_threads(1)
    given = dict(argument.split("=", 1) for argument in sys.argv[1:])
    kinds = {"seed": int, "minutes": float, "report": str}
    sys.exit(main(**{name: kinds[name](value) for name, value in given.items()}))
