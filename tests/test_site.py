"The documentation site: it builds without a warning, its links lead somewhere, its pages open."

import re
import sys
from html.parser import HTMLParser
from importlib.util import find_spec
from urllib.parse import unquote, urlsplit

import pytest
from conftest import ROOT, run

OPENED = [
    "README.html",
    "nbs/03_loss.html",
    "reports/control-cifar100-quick.html",
    "docs/site/api/prl.loss.html",
]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    "The site, built from this checkout."
    if find_spec("pydata_sphinx_theme") is None:
        pytest.skip("builds the site, whose packages are not installed: `make docs` installs them")
    folder = tmp_path_factory.mktemp("site")
    sphinx = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going"]
    done = run(*sphinx, "-d", folder / "doctrees", "-c", "docs/site", ".", folder / "html")
    assert done.returncode == 0, done.stderr[-3000:]
    return folder / "html"


class Page(HTMLParser):
    "What a page has: names to jump to, links, and what is loaded to show it."

    def __init__(self, path):
        super().__init__()
        self.names, self.links, self.loaded = set(), set(), set()
        self.feed(path.read_text())

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.names |= {attrs[k] for k in ("id", "name") if attrs.get(k)}
        if tag == "a" and "href" in attrs:
            self.links.add(attrs["href"])
        if tag == "link" and "stylesheet" in attrs.get("rel", ""):
            self.loaded.add(attrs["href"])
        if tag in ("script", "img", "iframe", "source") and "src" in attrs:
            self.loaded.add(attrs["src"])


@pytest.fixture(scope="module")
def pages(site):
    every = {path.relative_to(site): path.resolve() for path in site.rglob("*.html")}
    own = [path for name, path in every.items() if name.parts[0] not in ("_static", "dial.html")]
    return {path: Page(path) for path in own}


def missing(path, link, pages):
    "Whether a link within the site leads nowhere."
    parts = urlsplit(link)
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.exists():
        return True
    named = parts.fragment and target in pages
    return named and unquote(parts.fragment) not in pages[target].names


@pytest.mark.slow
def test_links_and_pictures(pages):
    assert len(pages) > 300
    for path, page in pages.items():
        inside = {link for link in page.links if not urlsplit(link).scheme} | page.loaded
        inside = {link for link in inside if not link.startswith("data:")}
        lost = {link for link in inside if missing(path, link, pages)}
        assert not lost, f"{path}: {lost}"


@pytest.mark.slow
def test_no_directive_is_shown(site):
    for path in site.rglob("nbs/**/*.html"):
        assert "#|" not in path.read_text(), path


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 390])
def test_pages_open(site, browser, width):
    "In a browser, without an error, anything from elsewhere, or a line wider than the window."
    page = browser.new_page(viewport={"width": width, "height": 820})
    page.set_default_timeout(60_000)  # beside other tests
    troubles = []
    page.on("console", lambda said: said.type == "error" and troubles.append(said.text))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on(
        "request",
        lambda asked: asked.url.startswith(("file:", "data:")) or troubles.append(asked.url),
    )
    for name in OPENED:
        page.goto((site / name).as_uri())
        assert page.locator("h1").first.is_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
    page.goto((site / "docs/site/dial.html").as_uri())
    dial = page.frame_locator("iframe.dial")
    dial.locator(".prl-dial[data-milliseconds]").wait_for()
    page.goto((site / "search.html").as_uri() + "?q=hypernetwork")
    page.locator("#search-results li a").first.wait_for()
    page.close()
    assert troubles == []


def test_addresses_are_of_one_repository():
    "What can only be said with an address says that of `settings.ini`."
    settings = (ROOT / "settings.ini").read_text()
    words = dict(re.findall(r"^(\w+) = (.*)$", settings, re.M))
    repository = f"{words['user']}/{words['repo']}"
    said = (ROOT / "README.md").read_text() + (ROOT / "nbs/train.ipynb").read_text()
    assert f"github.com/{repository}" in said
    assert f"{words['user']}.github.io/{words['repo']}" in said
    assert f"colab.research.google.com/github/{repository}/blob/main/nbs/train.ipynb" in said
