"An exported file by itself: the lines of docs/export.md, without prl and PyTorch."

import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from conftest import ROOT
from PIL import Image

from prl.data.view import View
from prl.model.export import export_onnx
from prl.model.hypernet import HyperHeads
from prl.model.network import Features, Model
from prl.model.small import cnn

BLOCK = re.findall(r"```python\n(.*?)```", (ROOT / "docs/export.md").read_text(), re.S)[1]
SHARE = "print(1 / np.exp(logits[0] - logits[0].max()).sum())"  # the probability of the label
ALONE = "\nimport sys\nassert not {'torch', 'prl'} & set(sys.modules)\n"


def files(folder):
    "Photographs of several shapes and kinds."
    rng, turned = np.random.default_rng(0), Image.Exif()
    turned[0x0112] = 6
    for k in range(6):
        few = rng.integers(0, 256, (4, 5, 3), dtype=np.uint8)
        picture = Image.fromarray(few).resize((40 + 7 * k, 60 - 5 * k), Image.Resampling.BICUBIC)
        picture.save(folder / f"{k}.jpg", quality=95, exif=turned if k % 2 else Image.Exif())
    picture.convert("L").save(folder / "grey.png")
    picture.convert("CMYK").save(folder / "cmyk.tif")


@pytest.mark.parametrize("view", [View(16, 16, 3, 7 / 8), View(8, 8, 1), View(12, 20)], ids=str)
def test_labels_are_those_of_predict(view, tmp_path):
    files(tmp_path)
    torch.manual_seed(0)
    network = Features(cnn(channels=view.channels), [0.4] * view.channels, [0.3] * view.channels)
    names = [f"class {c}" for c in range(30)]
    model = Model(network, HyperHeads(1, 30, 32), names, list(range(90, 0, -3))).eval()
    model.view = view
    table = model.predict(tmp_path, "tail")
    export_onnx(model.specialist("tail"), tmp_path / "rare.onnx")
    each = BLOCK.replace('"photo.jpg"', "file").splitlines()
    at = next(k for k, line in enumerate(each) if "exif_transpose" in line)
    loop = [
        f"for file in {table.file.tolist()!r}:",
        *(f"    {line}" for line in [*each[at:], SHARE]),
    ]
    code = "\n".join(each[:at] + loop) + ALONE
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert said[::2] == table.label.tolist()
    # what a picture is changes it by far more than runtimes differ
    assert [float(share) for share in said[1::2]] == pytest.approx(table.probability, abs=1e-4)
    assert table.probability.std() > 1e-3
