"Files that are damaged: what is read of them is the same, or an error names them."

import random
import time
import zipfile
from pathlib import Path

from runs import configs_of, digest, trained

import prl
from prl.control.cache import read_cache, write_cache
from prl.control.page import export_page
from prl.data.checksum import verify
from prl.data.kept import read_table
from prl.fit.naming import run_folder
from prl.fit.origin import config_of
from prl.model.export import export_onnx, export_program
from prl.model.features import read_features
from prl.record import collect, read_tried


def whole_zip(path) -> str:
    try:
        with zipfile.ZipFile(path) as file:
            broken = file.testzip()
    except Exception as error:  # of every kind
        broken = error
    if broken:
        raise ValueError(f"{path} is damaged ({broken})")
    return "whole"


def of_model(folder) -> str:
    model = prl.load(folder)
    return digest(*model.state_dict().values(), model.class_names, model.train_counts, model.view)


def of_cache(path) -> str:
    cache = read_cache(path)
    return digest(cache.features, cache.labels, cache.measures, cache.about, cache.model.heads())


def of_frame(frame) -> str:
    return digest(frame.to_csv(float_format="%.17g"))


def leave_everything(home: Path) -> Path:
    "A run with all that can be made of it."
    trained("prl", home)
    (folder,) = map(run_folder, configs_of("prl", home))
    write_cache(folder)
    export_page(folder)
    prl.save_pretrained(folder, folder / "given")
    model = prl.load(folder)
    export_onnx(model, folder / "model.onnx")
    export_program(model, folder / "model.pt2")
    return folder


def readers(folder: Path) -> dict:  # file -> what is read from it
    def table(name):
        return lambda: of_frame(read_table(folder / name))

    def checked(name):  # a file that other programs read
        return lambda: f"whole: {verify(folder / name)}"

    return {
        "model.safetensors": lambda: of_model(folder),
        "given/model.safetensors": lambda: of_model(folder / "given"),
        "given/config.json": lambda: of_model(folder / "given"),
        "features.safetensors": lambda: digest(
            read_features(prl.load(folder), folder / "features.safetensors")
        ),
        "dial.safetensors": lambda: of_cache(folder / "dial.safetensors"),
        "rows.parquet": lambda: of_frame(collect(folder.parent)),
        "record.json": lambda: of_frame(collect(folder.parent)) + str(config_of(folder)),
        "grid.parquet": lambda: digest(*read_tried(folder)),
        "correct.parquet": table("correct.parquet"),
        "history.parquet": table("history.parquet"),
        "dial.html": checked("dial.html"),
        "model.onnx": checked("model.onnx"),
        "model.pt2": lambda: whole_zip(folder / "model.pt2"),
    }


KINDS = "emptied", "cut", "one bit turned", "one bit turned", "one bit turned"


def harmed(content: bytes, kind: str, draw: random.Random) -> bytes:
    if kind == "emptied":
        return b""
    place = draw.randrange(len(content))
    if kind == "cut":
        return content[:place]
    turned = bytearray(content)
    turned[place] ^= 1 << draw.randrange(8)
    return bytes(turned)


def damage(folder: Path, draw: random.Random, until: float):
    "Harm one file after another; what is read is the same, or an error names the file."
    every = readers(folder)
    expected = {name: read() for name, read in every.items()}
    while True:
        for name, read in every.items():
            whole, kind = (folder / name).read_bytes(), draw.choice(KINDS)
            (folder / name).write_bytes(harmed(whole, kind, draw))
            try:
                found = read()
                same = found == expected[name] or name in CHECKED and unmarked(folder / name)
                outcome = "survived" if same else f"{name}, {kind}: another answer"
            except Exception as error:
                named = Path(name).name in str(error)
                outcome = "survived" if named else f"{name}, {kind}: {error!r:.200}"
            finally:
                (folder / name).write_bytes(whole)
            yield f"{Path(name).suffix} damaged", outcome
        if time.monotonic() > until:
            return


CHECKED = "dial.html", "model.onnx"


def unmarked(path: Path) -> bool:
    "The bit was one of the mark itself, or the end with it is cut off: other programs see that."
    return not verify(path)
