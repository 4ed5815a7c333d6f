__version__ = "0.1.0"


def load(run, device="cpu"):
    "The trained model in a run's folder; see `prl.checkpoint.load`."
    from prl.checkpoint import load
    return load(run, device)
