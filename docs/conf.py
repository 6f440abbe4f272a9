"""Sphinx configuration: `make docs`."""

import importlib.util
import inspect
import re
import sys
from pathlib import Path

import emix
import emix.constraints
import emix.covariances
import emix.display
import emix.em
import emix.inference
import emix.priors

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_site"))

project = "emix"
author = "The emix developers"
copyright = author
version = release = emix.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
root_doc = "index"
exclude_patterns = ["_build", "_site", "_templates", "gallery", "**sg_execution_times.rst"]
templates_path = ["_templates"]

# References to other packages' objects are left as plain code: the build needs no network.
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(?!emix).*")]

autosummary_generate = True
numpydoc_show_class_members = False
autodoc_default_options = {"member-order": "bysource"}
add_module_names = False
autodoc_typehints = "none"  # the docstrings say more
toc_object_entries_show_parents = "hide"

myst_enable_extensions = ["amsmath", "colon_fence", "dollarmath"]
myst_heading_anchors = 4

# Formulas are typeset by a copy of MathJax that the site brings along, so that it can be read
# without a network. Of the package that holds the copy one file is taken, with glyphs and all
# extensions of TeX in it; as an extension of Sphinx the package would add 24 MB.
_MATHJAX = "tex-svg-full.js"
_MATHJAX_HOME = Path(importlib.util.find_spec("sphinx-mathjax-offline").origin).parent
mathjax_path = _MATHJAX

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "auto_gallery",
    "image_scrapers": ("alt_texts.described",),
    "abort_on_example_error": True,
    "copyfile_regex": r"^$",
    "download_all_examples": False,
    "min_reported_time": 3600,
    "plot_gallery": True,
    "remove_config_comments": True,
    "show_signature": False,
    "within_subsection_order": "gallery_order.Order",
}

html_theme = "pydata_sphinx_theme"
html_title = "emix"
html_static_path = ["_static", str(_MATHJAX_HOME / "static" / "mathjax" / _MATHJAX)]
html_css_files = ["emix.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "header_links_before_dropdown": 5,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": True,
    "footer_start": ["copyright"],
    "footer_end": [],
}
# pages that have no others below them
_SINGLE = (
    "api",
    "architecture",
    "benchmarks",
    "benchmarking",
    "changes",
    "contributing",
    "differences",
    "testing",
)
html_sidebars = {page: [] for page in ("index", *_SINGLE)}


def _public(module):
    """Names of the classes and functions that a module offers."""
    objects = ((name, getattr(module, name)) for name in module.__all__)
    return [name for name, value in objects if inspect.isclass(value) or inspect.isroutine(value)]


def _reference() -> str:
    """The page that lists all public names; autosummary writes a page for each."""
    parts = ["API reference\n=============\n"]
    modules = (
        emix.em,
        emix.covariances,
        emix.inference,
        emix.priors,
        emix.constraints,
        emix.display,
        emix.datasets,
    )
    for module in (emix, *modules):
        title = f"``{module.__name__}``"
        names = "\n".join(f"   {name}" for name in _public(module))
        summary = inspect.getdoc(module).partition("\n")[0]
        parts.append(f"{title}\n{'-' * len(title)}\n\n{summary}\n")
        parts.append(f".. module:: {module.__name__}\n")  # a target for references to it
        parts.append(f".. autosummary::\n   :toctree:\n   :nosignatures:\n\n{names}\n")
    return "\n".join(parts)


def _write_reference() -> None:
    target = HERE / "reference" / "index.rst"
    target.parent.mkdir(exist_ok=True)
    if not target.exists() or target.read_text(encoding="utf-8") != _reference():
        target.write_text(_reference(), encoding="utf-8")


# Where the files that pages link to, so that the links work on a code host, are on the site.
_ON_THE_SITE = {
    r"\]\(((?:\.\./)?)gallery/(plot_\w+)\.py\)": r"](\1auto_gallery/\2.rst)",
    r"\]\(((?:\.\./)?)\.\./benchmarks/README\.md\)": r"](\1benchmarking.rst)",
    # <!-- picture: plot_bounds 1: what is seen -->
    r"<!-- picture: (plot_\w+) (\d): ([^>]*) -->": (
        r"![\3](/auto_gallery/images/sphx_glr_\1_00\2.png)"
    ),
}


def _adapt(app, docname, source):
    """Links to files beside the pages; on the start page also what a code host cannot show."""
    for pattern, replacement in _ON_THE_SITE.items():
        source[0] = re.sub(pattern, replacement, source[0])
    if docname == root_doc:
        top, contents = (
            (HERE / "_site" / name).read_text(encoding="utf-8") for name in ("top.md", "toc.md")
        )
        title, _, rest = source[0].partition("\n")
        source[0] = "\n".join([title, top, rest, contents])


def _escape(app, what, name, obj, options, lines):
    """Names like means_ in running text are no references; numpydoc sees to those it lists."""
    for i, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            head, colon, tail = line.rpartition(" : ")
            lines[i] = head + colon + re.sub(r"(?<![`\w.@])([A-Za-z]\w*)_(?![`\w])", r"\1\\_", tail)


def _skip(app, what, name, obj, skip, options):
    """Members that scikit-learn writes, and documents in terms of its own pages."""
    return True if (getattr(obj, "__module__", None) or "").startswith("sklearn.") else None


def setup(app):
    _write_reference()
    app.connect("source-read", _adapt)
    app.connect("autodoc-process-docstring", _escape, priority=400)  # before numpydoc
    app.connect("autodoc-skip-member", _skip)
