__version__ = "0.1.0"


def load(run):
    "The trained model in a run's folder; see `prl.fit.load`."
    from prl.fit import load
    return load(run)
