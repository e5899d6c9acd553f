"""The documentation site: `./run site` builds it into docs/_build/html; a broken link stops it."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Any

from itc_analysis.version import __version__

HERE = Path(__file__).parent
ROOT = HERE.parent


project = "itc_analysis"
author = "The itc_analysis developers"
copyright = author  # noqa: A001
version = release = __version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["_build"]
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
# Notebooks run where a finished study is named, and are shown without results elsewhere
nb_execution_mode = "force" if os.environ.get("ITC_RESULTS") else "off"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_merge_streams = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_rtype = False
nitpicky = False  # links between pages are checked; names of types in signatures are not

html_theme = "furo"
html_title = f"itc_analysis {__version__}"
html_show_sourcelink = False
html_copy_source = False

# Pages and notebooks that lie elsewhere in the repository, where their readers look for them first.
# Links lead to where they lie, so that the pages read well unbuilt; here they lead to copies that
# are not kept in git.
COPIES = {
    "config/README.md": "copied/study-files.md",
    "config/columns.md": "copied/columns.md",
    "CHANGELOG.md": "copied/changelog.md",
    "CONTRIBUTING.md": "copied/contributing.md",
}


def copy_pages() -> None:
    """Put the copies in place, with links as from the folder of the documentation."""
    shutil.rmtree(HERE / "copied", ignore_errors=True)
    shutil.copytree(
        ROOT / "notebooks",
        HERE / "copied" / "notebooks",
        ignore=shutil.ignore_patterns(".*", "__pycache__"),
    )
    for original, copied in COPIES.items():
        text = (ROOT / original).read_text()
        text = re.sub(r"\]\((?:\.\./)?docs/", "](../", text).replace("\n### ", "\n## ")
        (HERE / copied).write_text(text)


def lead_to_copies(_app: Any, _page: str, source: list[str]) -> None:
    """Turn links to pages that lie elsewhere into links to their copies."""
    for original, copied in COPIES.items():
        source[0] = source[0].replace(f"](../{original}", f"]({copied}")
    source[0] = source[0].replace("](../notebooks/", "](copied/notebooks/")


def setup(app: Any) -> None:
    """Register the above with Sphinx."""
    copy_pages()
    app.connect("source-read", lead_to_copies)
