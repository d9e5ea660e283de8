"""What scripts install when they run: calls of Python, and of R outside of documents."""

from __future__ import annotations

import pytest

from release_mgmt.core.classification.facts import file_facts
from release_mgmt.core.evidence.called_installs import called_installs
from release_mgmt.core.evidence.imports import Guard


@pytest.mark.parametrize(
    ("call", "names"),
    [
        ("""get_ipython().system('pip install -q "optuna>=3" shap')""", ["optuna", "shap"]),
        ("get_ipython().run_line_magic('pip', 'install shap')", ["shap"]),
        ("get_ipython().run_cell_magic('bash', '', 'pip install shap\\nconda install -y gdal\\n')", ["shap", "gdal"]),
        ('subprocess.check_call([sys.executable, "-m", "pip", "install", "shap>=1,<2", "--quiet"])', ["shap"]),
        ('subprocess.run([sys.executable, "-m"] + ["pip", "install", *more, "shap", "-r", "a.txt"])', ["shap"]),
        ('subprocess.run(args=("pip", "install", "-t", out, "shap"))', ["shap"]),
        ('subprocess.run("pip install shap".split(), check=True)', ["shap"]),
        ('subprocess.run(shlex.split("pip install shap"))', ["shap"]),
        ('os.system(f"{sys.executable} -m pip install shap && echo done")', ["shap"]),
        ('os.system("pip install shap=={}".format(version))', ["shap"]),
        ('os.system("pip install shap==%s" % version)', ["shap"]),
        ('pip.main(["install", "--upgrade", "shap"])', ["shap"]),
        ('pip._internal.main(["install", "shap"])', ["shap"]),
        ('dbutils.library.installPyPI("shap", version="0.4")', ["shap"]),
        ('subprocess.check_call([sys.executable, "-m", "pip", "install", package])', []),
        ('subprocess.run(["apt-get", "install", "-y", "libgdal-dev"])', []),
        ('subprocess.run(["docker", "run", "image", "install", "shap"])', []),
        ('# os.system("pip install shap")', []),
        ('"""\nos.system("pip install shap")\n"""', []),
        ("""print("os.system('pip install shap')")""", []),
        ('raise RuntimeError("pip install shap")', []),
        ('os.system("pip install shap"', []),
        ("os.system(" + "(" * 500 + '"pip install shap")', []),
        ("os.system(" + '"a" + ' * 1_500 + '"pip install shap")', []),
    ],
)
def test_what_a_call_of_python_installs(call: str, names: list[str]) -> None:
    """Whatever the call: words of a list, a text, a format. What only the running program knows is passed over."""
    assert [one.name for one, _, _ in called_installs(f"import os\n{call}\n".encode())] == names


def test_an_install_makes_sure_that_a_library_is_there() -> None:
    """One after a failed import is no option of a script; in a function it is what the function makes it."""
    ensure = "try:\n    import shap\nexcept ImportError:\n    os.system('pip install shap')\n"
    assert [(line, guard) for _, line, guard in called_installs(ensure.encode())] == [(4, Guard.NONE)]
    inside = "def f():\n" + "".join(f"    {line}\n" for line in ensure.splitlines())
    inside += "def g():\n    os.system('pip install optuna')\n"
    assert [guard for _, _, guard in called_installs(inside.encode())] == [Guard.OPTIONAL, Guard.LAZY]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x <- 1\ninstall.packages('sf')\n", {("sf", 2)}),
        ("if (!requireNamespace('sf', quietly = TRUE)) install.packages('sf')\nsf::read('a')\n", {("sf", 1)}),
        ("remotes::install_github('o/parsnip', 'main')\n", {("parsnip", 1), ("remotes", 1)}),
        ("install.packages(c('remotes', 'BiocManager', 'pak'))\n", set()),
        ("# install.packages('sf')\nstop(\"run install.packages('sf')\")\n#' install.packages('sf')\n", set()),
        ("f <- function(x = c(1)) {\n  if (x) { install.packages('sf') }\n}\n", set()),
        ("f <- \\(x) {\n  1\n}\ninstall.packages('sf')\n", {("sf", 4)}),
    ],
)
def test_what_a_script_of_r_installs(source: str, expected: set[tuple[str, int]]) -> None:
    """What a script installs outside of its functions it needs, though it asks first; installers are no library."""
    asked = file_facts("fit.R", source.encode()).asked
    assert {(one.name, one.line) for one in asked if one.guard is Guard.NONE} == expected


def test_a_document_of_r_shows_how_to_install() -> None:
    """Chunks that install are for readers; nobody installs while a document is made."""
    assert file_facts("a.Rmd", b"```{r}\ninstall.packages('sf')\n```\n").asked == ()
    assert file_facts("binder/install.R", b"install.packages('sf')\n").asked == ()  # a manifest, read as one
