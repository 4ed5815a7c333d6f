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

from prl.fit.machine import commit

ABOUT = (
    "What `make campaign` tried last. A run that was killed, lost one of its processes, found its "
    "disk full or was started twice has survived if it then ends bit for bit like the undisturbed "
    "one; a damaged file, if the answer is the same or an error names the file."
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
        harmed = damage(folder, draw, began + 15 * minutes)
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
