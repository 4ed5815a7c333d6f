"Faults of a run under way: each tries one, and gives `survived` or what was lost."

import os
import random
import resource
import shutil
import subprocess
import time
from functools import partial
from pathlib import Path

from apart import LONGEST, begin, end, ended, family, gone, kill, kill_a_child, last_line
from damage import KINDS, harmed
from runs import (
    READ_BY_TWO,
    ROOT,
    TRAINED,
    WITH_OTHERS,
    answer,
    draw_photographs,
    start_of,
    stopped,
    trained,
)
from tqdm import tqdm


class Faults:
    def __init__(self, home: Path, draw: random.Random):
        self.home, self.draw, self.log = home, draw, home / "log.txt"
        self.seconds, self.expected, self.count = {}, {}, 0
        draw_photographs(home)
        for case in tqdm(TRAINED | WITH_OTHERS, "undisturbed", unit="run", leave=False):
            began, where = time.monotonic(), home / case
            code = end(begin(self.log, start_of(case), case, where))
            assert code == 0, f"{case} fails undisturbed: {last_line(self.log)}"
            self.seconds[case] = time.monotonic() - began
            self.expected[case] = answer(case, where)

    def tries(self) -> dict:  # kind -> what tries one
        of_members = {
            f"one process killed, {case}": partial(self.lost_member, case)
            for case in WITH_OTHERS
            if case != READ_BY_TWO
        }
        return of_members | {
            "a reading process killed": self.lost_reader,
            "killed": self.kill,
            "killed beside another": self.killed_beside,
            "two starters": self.two_starters,
            "full disk": self.full_disk,
            "a stopped run's state damaged": self.damaged_state,
        }

    def fresh(self) -> Path:
        self.count += 1
        return self.home / f"try{self.count}"

    def ends_alike(self, case, where) -> str:
        code = end(begin(self.log, start_of(case), case, where))
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

    # ---- runs that begin other processes

    def others_are_gone(self, others, front, victim) -> str:
        "What is left of a family whose member was killed ends by itself, and says why."
        code = end(front)
        left = gone(others, within=LONGEST / 5)
        if left:
            return f"{[one.pid for one in left]} go on without the others"
        said = self.log.read_text(errors="replace")
        return "" if code <= 0 or victim == front or "Error: " in said else f"{code} without a word"

    def lost_member(self, case: str) -> str:
        "One of the processes of a run is killed, or all at once."
        code = 0
        while code is not None:  # it had ended before anything was killed
            where, moment = self.fresh(), self.draw.uniform(1 / 3, 1) * self.seconds[case]
            front = begin(self.log, start_of(case), case, where)
            code = ended(front, moment)
        others = family(front)
        victims = [self.draw.choice(others)] if self.draw.random() < 0.75 else others
        for one in victims:
            kill(one)
        why = self.others_are_gone(others, front, victims[0].pid)
        return f"{case}: {why}" if why else self.ends_alike(case, where)

    def lost_reader(self) -> str:
        "A process that reads photographs is killed: the run says so, or goes on without it."
        case, victim = READ_BY_TWO, None
        while victim is None:  # it had ended before anything was killed
            where, moment = self.fresh(), self.draw.uniform(0, 0.7) * self.seconds[case]
            front = begin(self.log, trained, case, where)
            victim = kill_a_child(front, self.draw, moment)
            code = end(front)
        said = last_line(self.log)
        if code and "of the processes that read images" not in said:
            return f"{case}, {victim} was killed: {said}"
        return self.ends_alike(case, where)

    # ---- runs that are stopped and harmed

    def stopped(self, case: str) -> Path:
        "A copy of a run that ended after its first checkpoint."
        whole = self.home / f"{case}, stopped"
        if not whole.exists():
            assert end(begin(self.log, stopped, case, whole)) == 0, last_line(self.log)
        return shutil.copytree(whole, self.fresh())

    def damaged_state(self) -> str:
        "What a stopped run is to go on from is damaged: it is not; made anew, it ends alike."
        case = self.draw.choice(list(TRAINED))
        where = self.stopped(case)
        states = sorted(where.rglob("*.safetensors"))
        state, kind = self.draw.choice(states), self.draw.choice([*KINDS, "removed"])
        if kind == "removed":
            state.unlink()
        else:
            state.write_bytes(harmed(state.read_bytes(), kind, self.draw))
        code = end(begin(self.log, trained, case, where))
        if not code and answer(case, where) != self.expected[case]:
            return f"{case}, {state.name} {kind}: resumed, and ends otherwise"
        if code and state.name not in self.log.read_text(errors="replace"):
            return f"{case}, {state.name} {kind}: {last_line(self.log)}"
        for one in states:  # as the error says
            one.unlink(missing_ok=True)
        return self.ends_alike(case, where)
