"JupyterLab in a browser: run everything, change a value, run everything again; turn the dial."

import ast
import contextlib
import json
import os
import re
import subprocess
import sys
import time

import nbformat
import pytest
from conftest import fresh_copy
from kernel import edited
from playwright.sync_api import TimeoutError
from test_dial import copied, drag

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    "Address and folder of a JupyterLab on a copy of the project of its own, which it writes to."
    own = tmp_path_factory.mktemp("lab")
    clone = fresh_copy(own)
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
            "--ServerApp.port=0",
            "--IdentityProvider.token=",
            "--LabApp.news_url=None",
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        ],
        cwd=clone,
        env=os.environ
        | {name: str(own / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR")}
        | {"PYTHONPATH": str(clone), "PRL_RUNS": str(own / "runs")},
        stderr=(own / "log").open("w"),
    )
    until(lambda: list(own.rglob("jpserver-*.json")) or process.poll() is not None, 120)
    (about,) = own.rglob("jpserver-*.json")
    yield json.loads(about.read_text())["url"], clone, own / "runs"
    process.terminate()
    process.wait()


def until(there, seconds=300):
    "What is there, once it is."
    end = time.monotonic() + seconds
    while not (found := there()):
        assert time.monotonic() < end, f"not within {seconds} seconds"
        time.sleep(0.1)
    return found


class Notebook:
    "A notebook in JupyterLab, used as a person does: menus, keys and the mouse."

    def __init__(self, browser, lab, name, values, *more_cells):
        address, clone, _ = lab
        self.file = clone / "nbs" / f"{name}.ipynb"
        notebook = nbformat.read(self.file, 4)
        edited(notebook, values)
        notebook.cells += [nbformat.v4.new_code_cell(source) for source in more_cells]
        nbformat.write(notebook, self.file)
        # tall enough to show every line of the parameters
        self.page = browser.new_page(viewport={"width": 1400, "height": 3000})
        self.told = []  # what a person would find in the browser's console
        self.page.on("console", lambda message: self.told.append(message.text))
        self.page.on("pageerror", lambda error: self.told.append(str(error)))
        # a workspace of its own: the usual one opens what was open before, too
        self.page.goto(f"{address}lab/workspaces/{name}/tree/nbs/{name}.ipynb")
        self.page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=120_000)
        sessions = f"{address}api/sessions"
        until(lambda: "idle" in self.page.request.get(sessions).text())  # there is a kernel
        self.wait()

    def wait(self):
        "Until the kernel has nothing left to do."
        self.page.wait_for_selector(
            ".jp-Notebook-ExecutionIndicator[data-status=idle]", timeout=300_000
        )
        self.page.wait_for_function(  # between two cells it is idle, too
            "!document.querySelector('.jp-Notebook').innerText.includes('[*]')", timeout=300_000
        )

    def menu(self, *names):
        for kind, name in zip((".lm-MenuBar-itemLabel", ".lm-Menu-itemLabel"), names):
            self.page.locator(kind, has_text=re.compile(f"^{name}$")).click()

    def prompts(self):
        return self.page.locator(".jp-InputPrompt").all_inner_texts()

    def run_all(self):
        before = self.prompts()
        self.menu("Run", "Run All Cells")
        until(lambda: self.prompts() != before)  # the first cell waits, runs or has run
        self.wait()

    def seen(self, selector):
        "Until something is to be seen; else what stands in the last cell and in the console."
        try:
            self.page.wait_for_selector(selector, timeout=120_000)
        except TimeoutError:
            last = self.page.locator(".jp-CodeCell").last.inner_text()
            pytest.fail(f"no {selector}, but:\n{last}\n" + "\n".join(self.told[-20:]))

    def written(self, before):
        "The notebook as it was saved after a time; None while there is none, or half of one."
        if self.file.stat().st_mtime_ns != before:
            with contextlib.suppress(ValueError):
                return nbformat.read(self.file, 4)

    def outputs(self):
        "What stands in the saved file below the cells; none of it may be an error."
        before = self.file.stat().st_mtime_ns
        self.menu("File", "Save Notebook")
        saved = until(lambda: self.written(before))
        cells = [c for c in saved.cells if c.cell_type == "code"]
        assert not [o for c in cells for o in c.outputs if o.output_type == "error"]
        assert all(c.execution_count for c in cells), "all have run"
        return [json.dumps(c.outputs) for c in cells]


def test_run_all_change_a_value_run_all(browser, lab):
    opened = Notebook(browser, lab, "train", dict(epochs=1))
    opened.run_all()
    assert "digits-ir50-prl-epochs1-s0" in "".join(opened.outputs())
    line = opened.page.locator(".cm-line", has_text=re.compile("^epochs: int = 1"))
    line.get_by_text("1", exact=True).dblclick()
    opened.page.keyboard.type("2")
    opened.run_all()
    assert "digits-ir50-prl-epochs2-s0" in "".join(opened.outputs())
    names = sorted(path.parent.name for path in lab[2].glob("*/record.json"))
    assert names == ["digits-ir50-prl-epochs1-s0", "digits-ir50-prl-epochs2-s0"]
    opened.page.close()


def test_the_dial_is_turned(browser, lab, tmp_path):
    values = dict(page=str(tmp_path / "dial.html"))
    opened = Notebook(browser, lab, "explore", values, "dial.preference")
    opened.run_all()
    assert "[0.333333, 0.333333" in opened.outputs()[-1]
    opened.seen(".prl-dial[data-milliseconds]")
    page = opened.page
    assert copied(page) == "balanced"
    drag(page, (0.2, 0.1, 0.7))
    turned = copied(page)
    assert turned == pytest.approx((0.2, 0.1, 0.7), abs=0.01)
    page.locator(".jp-CodeCell").last.locator(".cm-content").click()
    page.keyboard.press("Control+Enter")  # adds no cell below
    opened.wait()
    told = re.search(r"[\[(][\d., ]+[\])]", opened.outputs()[-1])[0]
    assert ast.literal_eval(told) == pytest.approx(turned, abs=1e-3), "Python is told"
    cells = page.locator(".jp-CodeCell").count()
    page.get_by_role("button", name="Ask me").click()
    page.wait_for_selector(".asking:not([hidden])")
    for said in "abcab":  # which JupyterLab would take for its own
        page.keyboard.press(said)
    page.get_by_role("button", name="Enough").click()
    found = [int(part) for part in re.findall(r"head (\d+) tail", page.inner_text(".question"))]
    page.locator(".jp-CodeCell").last.locator(".cm-content").click()
    page.keyboard.press("Control+Enter")
    opened.wait()
    told = re.search(r"[\[(][\d., ]+[\])]", opened.outputs()[-1])[0]
    assert 100 * ast.literal_eval(told)[0] == pytest.approx(found[0], abs=0.1)
    assert page.locator(".jp-CodeCell").count() == cells
    page.close()
