"A run notebook as it is open in Jupyter: its parameters edited, its cells run again and again."

import re

import nbformat
from conftest import ROOT
from nbclient import NotebookClient


def edited(notebook, values):
    "The parameters cell as its user leaves it: values changed, and what is not there added."
    cell = next(c for c in notebook.cells if "parameters" in c.metadata.get("tags", []))
    for name, value in values.items():
        old = re.compile(rf"^({name}: \w+ = )(\((.|\n)*?^\)|\[(.|\n)*?^\]|[^#\n]*)", re.M)
        cell.source, found = old.subn(lambda line: f"{line[1]}{value!r}  ", cell.source)
        if not found:
            cell.source += f"\n{name} = {value!r}"


class Open:
    "A notebook that is open: its cells run in one kernel, as often as one likes."

    def __init__(self, name, folder=ROOT / "nbs"):
        self.notebook = nbformat.read(ROOT / "nbs" / f"{name}.ipynb", 4)
        where = {"metadata": {"path": str(folder)}}
        self.client = NotebookClient(self.notebook, kernel_name="python3", resources=where)

    def run(self, cells):
        "Run some of the cells; what they print and show, as text."
        said = []
        for cell in cells:
            self.client.execute_cell(cell, self.notebook.cells.index(cell))
            for output in cell.get("outputs", []):
                shown = output.get("data", {})
                said += [output.get("text"), shown.get("text/plain"), shown.get("text/markdown")]
        return "\n".join(map(str, filter(None, said)))

    def run_all(self):
        return self.run(self.notebook.cells)

    def injected(self, values):
        "Run everything as papermill leaves it: with a second cell of parameters."
        tags = [c.metadata.get("tags", []) for c in self.notebook.cells]
        place = 1 + next(k for k, own in enumerate(tags) if "parameters" in own)
        lines = ["# Parameters", *(f"{name} = {value!r}" for name, value in values.items())]
        self.notebook.cells.insert(place, nbformat.v4.new_code_cell("\n".join(lines)))
        try:
            return self.run_all()
        finally:
            del self.notebook.cells[place]
