"Embeddings in which there is nothing to divide by: every method trains on them and answers."

import numpy as np
import pytest

from prl.data.dataset import load_data
from prl.fit.config import Config
from prl.fit.loop import fit
from prl.method.registry import METHODS

COUNTS = [40, 20, 12, 6]


@pytest.fixture(scope="session")
def flat(tmp_path_factory):
    "Four classes: the last is one image again and again, and two channels are always the same."
    folder = tmp_path_factory.mktemp("flat")
    draw = np.random.default_rng(0)
    centres = 3 * draw.normal(size=(4, 16))
    for part, counts in {"train": COUNTS, "test": [10] * 4}.items():
        labels = np.repeat(np.arange(4), counts)
        spread = draw.normal(size=(len(labels), 16)) * (labels < 3)[:, None]
        features = (centres[labels] + spread).astype("f4")
        features[:, :2] = 0, 7
        np.savez(folder / f"{part}.npz", features=features, labels=labels)
    return folder


THREE = ["ride", "sade", "balpoe", "prl_released"]  # branches, and embeddings have one


@pytest.mark.parametrize("method", [name for name in METHODS if name not in THREE])
def test_a_class_without_spread_is_learnt(method, flat, tmp_path):
    config = Config(
        dataset="features",
        data_root=str(flat),
        method=method,
        epochs=25,
        device="cpu",
        threads=1,
        runs=str(tmp_path),
    )
    model = fit(config).model
    test = load_data(config).test
    answer = model(test.images)
    assert answer.isfinite().all()
    right = (answer.argmax(1) == test.labels).float()
    assert right[test.labels == 3].all()
    assert right.mean() > 0.8
