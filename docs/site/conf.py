"Settings of the documentation site: `make docs` builds it with Sphinx from the repository's files."

import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(ROOT)]

project = "PRL"
settings = dict(re.findall(r"^(\w+) = (.*)$", (ROOT / "settings.ini").read_text(), re.M))
repository = f"https://github.com/{settings['user']}/{settings['repo']}"
author = "The PRL study"
language = "en"
extensions = [
    "myst_nb",
    "sphinx_external_toc",
    "sources",
    "reference",
    "mathml",
]

# The tree is the repository's, so that a link of a page on GitHub is one of the site's, too.
include_patterns = [
    "*.md",
    "data/README.md",
    "docs/**",
    "nbs/**",
    "reports/*",
    "reports/runs/*/train.ipynb",
]
exclude_patterns = [".*", "build", "data/*/**", "prl", "reports/figures", "runs", "tests"]
external_toc_path = str(HERE / "toc.yml")

# Notebooks are shown as they are committed.
nb_execution_mode = "off"
nb_output_stderr = "remove"  # progress bars
nb_render_markdown_format = "gfm"  # tables in an output
nb_code_prompt_show = "Code"
nb_code_prompt_hide = "Hide the code"
myst_enable_extensions = ["amsmath", "colon_fence", "dollarmath", "html_image"]
myst_heading_anchors = 4
html_math_renderer = "mathml"

html_context = {"default_mode": "auto"}
html_theme = "pydata_sphinx_theme"
html_title = "PRL"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_search_summary = False  # read by fetch, which a browser refuses a page from a disk
html_theme_options = {
    "collapse_navigation": True,
    "footer_end": [],
    "footer_start": ["copyright"],
    "header_links_before_dropdown": 7,
    "icon_links": [{"name": "GitHub", "url": repository, "icon": "fa-brands fa-github"}],
    "navbar_align": "left",
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": False,
}
copyright = "The PRL study, Apache-2.0"
