"What SECURITY.md promises of files that others made, where no notebook shows it."

import pickle
import re
import socket

import numpy as np
import pytest
import torch
from conftest import ROOT

import prl
from prl.data.dataset import load_data
from prl.data.kept import write_tensors
from prl.fit.config import Config
from prl.fit.naming import identity
from prl.method.registry import METHODS
from prl.model.weights import read_state


class Harm:
    "A pickle that leaves a file behind."

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return (open, (self.path, "w"))


def test_nothing_that_is_read_runs_code(tmp_path):
    left = tmp_path / "harmed"
    torch.save({"weight": Harm(left)}, tmp_path / "weights.pth")
    (tmp_path / "bare.pth").write_bytes(pickle.dumps(Harm(left)))
    for name in ("weights.pth", "bare.pth"):
        with pytest.raises(ValueError, match=f"{name} is damaged, or holds more than"):
            read_state(tmp_path / name)
    assert not left.exists()
    labels = np.array([Harm(left)], dtype=object)
    np.savez(tmp_path / "train.npz", features=np.zeros((1, 2), np.float32), labels=labels)
    with pytest.raises(ValueError, match="train.npz"):
        load_data(Config(dataset="features", data_root=str(tmp_path)))
    assert not left.exists()


def test_a_model_that_is_loaded_downloads_nothing(tmp_path, monkeypatch):
    config = Config(dataset="folder", data_root=str(tmp_path), backbone="resnet18")
    told = ["a", "b"], [5, 3], [0.5] * 3, [0.2] * 3
    model = METHODS[config.method].build(config, *told)
    about = {
        "format": "prl-1",
        "config": identity(config) | {"weights": "imagenet"},
        "class_names": told[0],
        "train_counts": told[1],
        "channels": 3,
        "view": None,
    }
    write_tensors(tmp_path / "model.safetensors", model.state_dict(), about)

    def refuse(*given, **named):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", refuse)
    assert prl.load(tmp_path).class_names == ["a", "b"]


def test_every_sentence_names_a_test_that_is_there():
    page = (ROOT / "SECURITY.md").read_text()
    rows = [row for row in page.splitlines() if row.startswith("| ") and "it cannot" not in row]
    for row in rows:
        tests = re.findall(r"\]\(([^)]+)\)", row.split("|")[-2])
        assert tests and all((ROOT / test).exists() for test in tests), row
