"How the repository's files read as pages: notebooks without directives, packages, the dial."

import json
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
DIAL = ROOT / "reports/runs/cifar100-ir100-prl-epochs24-s0"
BADGES = re.compile(r"^\[!\[.*\n", re.M)  # pictures from elsewhere


def source(cell):
    return "".join(cell["source"])


def directives(cell):
    return re.findall(r"^#\|\s*(\w+)", source(cell), re.M)


def shown(cell):
    "Whether a reader needs a cell: not what tells nbdev where to write, or imports of a test."
    return not {"default_exp", "hide"} & {*directives(cell)}


def tag(cell, name):
    cell["metadata"]["tags"] = [*cell["metadata"].get("tags", []), name]


def is_given(cell):
    return "parameters" in "".join(cell["metadata"].get("tags", []))  # papermill's own, too


def fold(notebook, docname):
    "A report's code is folded away, and gone where it shows nothing; parameters always are folded."
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code" and is_given(cell):
            tag(cell, "hide-input")
        elif cell["cell_type"] == "code" and docname.startswith("reports/"):
            tag(cell, "hide-input" if cell["outputs"] else "remove-cell")


def printed_title(cells):
    "The first title that a cell prints, which is taken from what it prints."
    for out in (out for cell in cells for out in cell.get("outputs", [])):
        words = "".join(out.get("data", {}).get("text/markdown", ""))
        if words.startswith("# "):
            title, _, out["data"]["text/markdown"] = words.partition("\n")
            return title
    return None


def titled(cells):
    "A title that a cell prints is the page's: the navigation can name it, and none stands twice."
    title, first = printed_title(cells), cells[0]
    if title and first["cell_type"] == "markdown":
        first["source"] = re.sub(r"\A# .*", lambda m: title, source(first))
    elif title:
        cells.insert(
            0,
            {"cell_type": "markdown", "id": "title", "metadata": {}, "source": title},
        )
    return cells


LINK = re.compile(r'((?:href="|\]\()(?!\w+:)[^")]*)\.(?:ipynb|md)\b')


def follow(cells):
    "A link to a notebook in what a cell has printed leads to its page, as one in prose does."
    for out in (out for cell in cells for out in cell.get("outputs", [])):
        for kind in {"text/html", "text/markdown"} & {*out.get("data", {})}:
            out["data"][kind] = LINK.sub(r"\1.html", "".join(out["data"][kind]))


def page_of(notebook, docname):
    "A notebook as a page of the site."
    notebook["cells"] = titled([cell for cell in notebook["cells"] if shown(cell)])
    fold(notebook, docname)
    follow(notebook["cells"])
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["source"] = re.sub(r"^#\|.*\n?", "", source(cell), flags=re.M)
    run = re.fullmatch(r"reports/runs/(.+)/train", docname)
    if run:
        first = notebook["cells"][0]
        first["source"] = re.sub(r"^# One run$", f"# {run[1]}", source(first), flags=re.M)
        notebook["metadata"]["orphan"] = True  # it is reached from the table of runs
    return notebook


def section(title):
    "A part of README, as it reads from this folder."
    found = re.search(rf"^## {title}\n(.*?)^## ", (ROOT / "README.md").read_text(), re.M | re.S)
    if found is None:
        raise ValueError(
            f"README.md has no section {title!r}, which a page of docs/site shows: "
            "call the section so, or change the page"
        )
    return re.sub(r"\]\((?!\w+:|#)", "](../../", found[1])


def read(app, docname, content):
    "Called by Sphinx with each page's text, which it may change."
    if Path(app.env.doc2path(docname)).suffix == ".ipynb":
        content[0] = json.dumps(page_of(json.loads(content[0]), docname))
    elif docname == "README":
        content[0] = BADGES.sub("", content[0])
    elif docname.startswith("docs/site/"):
        content[0] = re.sub(r"^\{README: (.+)\}$", lambda m: section(m[1]), content[0], flags=re.M)


def sentence(package):
    return re.match(r'"+(.*?)"+\n', (package / "__init__.py").read_text())[1]


def opening(notebook):
    "Title and subtitle of a room."
    first = source(json.loads(notebook.read_text())["cells"][0])
    return re.match(r"# (.+)\n\n> (.+)", first).groups()


def write(path, text):
    "A page that is made, unless it is there already: what is new is read anew."
    path.parent.mkdir(exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def write_rooms(app):
    "A page for each package: its sentence, and its rooms."
    for rooms in sorted(ROOT.glob("nbs/[0-9][0-9]_*/")):
        name = rooms.name[3:]
        lines = [f"# {name}\n", f"{sentence(ROOT / 'prl' / name)}\n", "| room | |", "|---|---|"]
        for room in sorted(rooms.glob("[a-z]*.ipynb")):
            title, subtitle = opening(room)
            lines.append(f"| [{title}](../../../nbs/{rooms.name}/{room.name}) | {subtitle} |")
        write(Path(app.confdir) / f"rooms/{name}.md", "\n".join(lines) + "\n")


def write_dial(app, error):
    "Called by Sphinx in the end."
    if error is None:
        from prl.control.page import export_page  # a second or more: torch

        export_page(DIAL, Path(app.outdir) / "dial.html")


def setup(app):
    app.connect("builder-inited", write_rooms)
    app.connect("source-read", read)
    app.connect("build-finished", write_dial)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
