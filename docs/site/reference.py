"The reference: a page for each module, its arguments described where the code describes them."

import re
from pathlib import Path

from fastcore.docments import docments

ROOT = Path(__file__).parent.parent.parent


def modules():
    "Every module of the package: its name, its file."
    for path in sorted(ROOT.glob("prl/**/*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if path.stem == "__init__":
            yield ".".join(parts[:-1]), path
        elif not path.stem.startswith("_"):
            yield ".".join(parts), path


def room(path):
    "The notebook that a module is exported from, as Sphinx names it."
    found = re.search(r"File to edit: (?:\.\./)*(nbs/\S+)\.ipynb", path.read_text())
    return found and f"/{found[1]}"


def page_of(module, path, known):
    "A module: where it is explained, what it holds; a package: its modules."
    lines = [module, "=" * len(module), "", f".. automodule:: {module}", ""]
    if room(path):
        lines += [f"Explained, used and tested in :doc:`its room <{room(path)}>`.", ""]
    inside = [other for other in known if other.rpartition(".")[0] == module]
    if inside:
        lines += [".. autosummary::", "", *(f"   {other}" for other in inside), ""]
    return "\n".join(lines)


def write_pages(app):
    "Called by Sphinx before it looks for pages."
    folder = Path(app.confdir) / "api"
    folder.mkdir(exist_ok=True)
    known = dict(modules())
    for module, path in known.items():
        (folder / f"{module}.rst").write_text(page_of(module, path, known))


def literal(text):
    "A docstring's words for reStructuredText: names in backticks as code, all else as it stands."
    parts = re.split(r"`([^`]+)`", text)
    return "".join(
        f"``{p}``" if k % 2 else re.sub(r"([*|_\\])", r"\\\1", p) for k, p in enumerate(parts)
    )


def described(app, what, name, thing, options, lines):
    "Called by autodoc with each docstring, which it may change."
    lines[:] = [literal(line) for line in lines]
    if what not in ("function", "method", "class"):
        return
    try:
        said = docments(thing, returns=True)
    except (TypeError, ValueError, OSError, SyntaxError):
        return  # no source to read
    lines += [""]
    for argument, words in said.items():
        if isinstance(words, str) and argument != "return":
            lines += [f":param {argument}: {literal(' '.join(words.split()))}"]
    if isinstance(said.get("return"), str):
        lines += [f":returns: {literal(said['return'])}"]


def setup(app):
    app.connect("builder-inited", write_pages)
    app.connect("autodoc-process-docstring", described)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
