"Work in a process of its own, forked: what is cut short is the work and not its imports."

import contextlib
import os
import random
import signal
import sys
import time
import traceback
from pathlib import Path

import psutil

LONGEST = 600  # seconds that anything here may take


def begin(log: Path, function, *arguments) -> int:  # its number, which is its group's too
    "Begin a process; what it says goes into a log."
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


def ended(pid: int, within: float) -> int | None:  # its exit code; None where it goes on
    "Wait some seconds for a process."
    until = time.monotonic() + within
    while time.monotonic() < until:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    return None


def end(pid: int, within: float = LONGEST) -> int:  # its exit code; -9 where it was killed
    "Wait for a process, or kill it with its group after some seconds."
    code = ended(pid, within)
    if code is None:
        os.killpg(pid, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return code


def is_python(one: psutil.Process) -> bool:
    "Whether a process is there and is Python: git and what else comes and goes is left alone."
    try:
        return one.name().startswith("py")
    except psutil.NoSuchProcess:
        return False


def family(pid: int) -> list:  # of psutil.Process
    "A process with all that it has begun and that is Python."
    first = psutil.Process(pid)
    return [first, *filter(is_python, first.children(recursive=True))]


def kill(one: psutil.Process) -> None:
    "Kill a process, which may have ended by itself."
    with contextlib.suppress(psutil.NoSuchProcess):
        one.kill()


def kill_a_child(pid: int, draw: random.Random, after: float) -> int | None:  # its number
    "Kill what a process has begun, some seconds after it was begun itself."
    began = time.monotonic()
    while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        children = family(pid)[1:]
        if children and time.monotonic() - began > after:
            victim = draw.choice(children)
            kill(victim)
            return victim.pid
        time.sleep(0.005)
    return None


def gone(others: list, within: float) -> list:  # of those that are still there
    "Wait until processes have ended by themselves; kill the rest."
    _, alive = psutil.wait_procs(others, within)
    for one in alive:
        kill(one)
    return alive


def last_line(log: Path) -> str:
    "The last that was said."
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][:300] if lines else "nothing was said"
