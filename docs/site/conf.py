"Settings of the documentation site: `make docs` builds it with Sphinx from the repository's files."

import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(ROOT)]

project = "PRL"
author = "The PRL study"
language = "en"
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
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
suppress_warnings = ["toc.not_included"]  # a run's notebook is reached from the table of runs

# Notebooks are shown as they are committed.
nb_execution_mode = "off"
nb_output_stderr = "remove"  # progress bars
nb_render_markdown_format = "gfm"  # tables in an output
nb_code_prompt_show = "Code"
nb_code_prompt_hide = "Hide the code"
myst_enable_extensions = ["amsmath", "colon_fence", "dollarmath", "html_image"]
myst_heading_anchors = 4
html_math_renderer = "mathml"

autodoc_default_options = {"members": True, "undoc-members": True}
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
autosummary_generate = False
python_maximum_signature_line_length = 80
python_use_unqualified_type_names = True

html_theme = "pydata_sphinx_theme"
html_title = "PRL"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "collapse_navigation": True,
    "footer_end": [],
    "footer_start": ["copyright"],
    "header_links_before_dropdown": 7,
    "navbar_align": "left",
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": False,
}
copyright = "The PRL study, Apache-2.0"
