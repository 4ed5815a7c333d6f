"The reference: a page for each module, read from its code, so that comments on arguments stay."

import ast
import re
from pathlib import Path

from sources import ROOT, write

LONG = 12  # lines of a constant that are still shown


def modules():
    "Every module of the package: its name, its file."
    for path in sorted(ROOT.glob("prl/**/*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if path.stem == "__init__":
            yield ".".join(parts[:-1]), path
        elif not path.stem.startswith("_"):
            yield ".".join(parts), path


def says(node):
    return (ast.get_docstring(node) or "").strip()


def defines(node):
    return isinstance(node, ast.FunctionDef | ast.ClassDef)


def head(node, lines, docstring=False):
    "The lines of a definition above its body, with their comments."
    first = min(one.lineno for one in [node, *node.decorator_list])
    body = node.body[0]
    last = body.end_lineno if docstring and says(node) else max(body.lineno - 1, node.lineno)
    return lines[first - 1 : last]


def shown(node, lines):
    "What a reader has to know of a definition: a function's head; a class's fields and methods."
    if isinstance(node, ast.FunctionDef):
        return head(node, lines)
    kept, below = head(node, lines), node.lineno
    for one in node.body:
        if isinstance(one, ast.FunctionDef):
            if not one.name.startswith("_") or one.name == "__init__":
                kept += ["", *head(one, lines, docstring=True)]
        elif not (isinstance(one, ast.Expr) and one is node.body[0]):  # its docstring
            kept += [line for line in lines[below : one.lineno - 1] if "#" in line]
            kept += lines[one.lineno - 1 : one.end_lineno]
        below = one.end_lineno
    return kept


def constants(tree, names, lines):
    "What a module exports beside functions and classes."
    for node in tree.body:
        if isinstance(node, ast.Assign) and {getattr(t, "id", "") for t in node.targets} & names:
            source = lines[node.lineno - 1 : node.end_lineno]
            yield from source if len(source) <= LONG else [*source[:1], "    ...", source[-1]]


def exported(tree):
    "The public names of a module."
    for node in tree.body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "__all__":
            return set(ast.literal_eval(node.value))
    return {node.name for node in tree.body if defines(node) and not node.name.startswith("_")}


def code(lines):
    return "\n".join(["```python", *lines, "```", ""])


def page_of(module, path, known):
    "A module: where it is explained, what it holds; a package: its modules."
    text = path.read_text()
    tree, lines = ast.parse(text), text.splitlines()
    names = exported(tree)
    parts = [f"# {module}\n", says(tree) + "\n"]
    room = re.search(r"File to edit: (?:\.\./)*(nbs/\S+\.ipynb)\.", text)
    if room:
        parts.append(f"Explained, used and tested in [its room](../../../{room[1]}).\n")
    inside = [other for other in known if other.rpartition(".")[0] == module]
    parts += [
        f"- [{other}]({other}.md): {says(ast.parse(known[other].read_text()))}" for other in inside
    ]
    parts.append("")
    given = list(constants(tree, names, lines))
    if given:
        parts.append(code(given))
    for node in tree.body:
        if defines(node) and node.name in names:
            parts += [f"## {node.name}\n", says(node) + "\n", code(shown(node, lines))]
    return "\n".join(parts) + "\n"


def write_pages(app):
    "Called by Sphinx before it looks for pages."
    known = dict(modules())
    for module, path in known.items():
        write(Path(app.confdir) / f"api/{module}.md", page_of(module, path, known))


def setup(app):
    app.connect("builder-inited", write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
