"Long-tailed image classification with a dial between common and rare classes."

__version__ = "0.1.0"


def load(run, device="cpu", stopped=False):
    "The trained model in a run's folder, or in one that `save_pretrained` left; see `prl.fit.checkpoint.load`."
    from prl.fit.checkpoint import load
    return load(run, device, stopped)


def save_pretrained(trained, folder, licence="unknown", overwrite=False):
    "A model to give away, as a folder that `load` reads; see `prl.report.pretrained.save_pretrained`."
    from prl.report.pretrained import save_pretrained
    return save_pretrained(trained, folder, licence, overwrite)


def add_class(model, name, images, beside, column="image"):
    "A model that knows one class more, without training; see `prl.fit.new_class.add_class`."
    from prl.fit.new_class import add_class
    return add_class(model, name, images, beside, column)
