"Small inputs that go wrong, each trained as its README says: `python tests/cases.py FOLDER`."

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

from prl.data.own import own_data

ROOT = Path(__file__).parent.parent
SAID = 150  # letters of a message that are shown
# lines of a log that every training prints
USUAL = re.compile(
    r"\d%\||^\s*$|weights learn|tensors from|ImageNet weights|pretrained weights|Safe alternative"
    r"|\d training, |Notebook:|Working directory|Executing|Report: |IPKernelApp|get no test image"
)


def commands(case: Path) -> list:  # (place of the data, parameters of papermill)
    "What a README asks for: its commands, and the last of them for data that it only names."
    readme = (case / "README").read_text()
    found = re.findall(r"papermill \S+ \S+((?: -p \S+ \S+)+)", readme)
    asked = [re.findall(r"-p (\S+) (\S+)", command) for command in found]
    last = {k: v.rstrip(";") for k, v in asked[-1]}
    places = {dict(one)["data_root"]: {k: v.rstrip(";") for k, v in one} for one in asked}
    for named in re.findall(r"\bdata(?:\d|/\w+)\b", readme):
        places.setdefault(named, last | own_data(case / named) | {"data_root": named})
    return [*places.items()]


def accuracy(folder: Path) -> str:
    "Top-1 on the test images of the run that a training left, in percent."
    for rows in folder.glob("runs/*/rows.parquet"):
        table = pd.read_parquet(rows)
        uniform = table[(table.environment == "uniform") & (table.group.astype(str) == "all")]
        uniform = uniform[uniform.preference.astype(str).isin(["balanced", "none"])]
        return f"{uniform[uniform.metric == 'accuracy'].value.iloc[0]:.1f} %"
    return ""


def said(notebook: Path) -> str:
    "The error in which a notebook ended, or what it warned of."
    if not notebook.exists():
        return "no notebook was written"
    lines = []
    for cell in json.loads(notebook.read_text())["cells"]:
        for out in cell.get("outputs", []):
            if out["output_type"] == "error":
                return f"**{out['ename']}**: {out['evalue']}"
            if out["output_type"] == "stream":
                lines += re.split(r"[\r\n]", "".join(out["text"]))
    return "; ".join(line.strip() for line in lines if not USUAL.search(line))


def tried(case: Path, parameters: dict, checkout: Path) -> list:  # cells of a row
    "A training by papermill, in the folder of its case."
    shutil.rmtree(case / "runs", ignore_errors=True)
    given = [word for pair in parameters.items() for word in ("-p", *pair)]
    runs = ["-p", "runs", str(case / "runs")]
    program = [sys.executable, "-m", "papermill", str(checkout / "nbs/train.ipynb"), "out.ipynb"]
    here = os.environ | {"PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}
    subprocess.run([*program, *given, *runs], cwd=case, env=here, capture_output=True)
    words = re.sub(r"\s+", " ", said(case / "out.ipynb")).replace("|", "\\|")
    words = words.replace(f"{case}/", "")
    return [accuracy(case), words if len(words) <= SAID else words[:SAID] + " ..."]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="a folder a case: README and make.py")
    parser.add_argument("cases", nargs="*", help="numbers of some; usual: all")
    parser.add_argument("--before", type=Path, help="a checkout to compare with")
    asked = parser.parse_args()
    sides = {"before": asked.before and asked.before.resolve(), "now": ROOT}
    sides = {name: checkout for name, checkout in sides.items() if checkout}
    heads = [f"{name}, {what}" for name in sides for what in ("accuracy", "said")]
    print("| case | " + " | ".join(heads) + " |")
    print("|---" * (1 + len(heads)) + "|")
    with tempfile.TemporaryDirectory() as home:
        shutil.copytree(asked.folder, home, dirs_exist_ok=True)
        for case in sorted(path for path in Path(home).iterdir() if (path / "make.py").exists()):
            if asked.cases and case.name.split("-")[0] not in asked.cases:
                continue
            made = {**os.environ, "PYTHONPATH": str(ROOT)}
            subprocess.run([sys.executable, case / "make.py"], check=True, env=made, cwd=case)
            for place, parameters in commands(case):
                row = [tried(case, parameters, checkout) for checkout in sides.values()]
                cells = [f"{case.name}, {place}", *(cell for side in row for cell in side)]
                print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
