"""Commands that install libraries, and requirements given by address."""

from __future__ import annotations

import pytest

from release_mgmt.core.classification import ChangedFile, ChangeInput, Tree, classify
from release_mgmt.core.evidence.dependencies import Group, installed_files, installs, r_installs, read
from release_mgmt.core.evidence.dependencies.pep508 import parse
from release_mgmt.services.classify import default_rules


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("pip install -q 'torch==2.1' pandas>=2 > /dev/null 2>&1", ["torch", "pandas"]),
        ("!{sys.executable} -m pip install --index-url https://x.example.org/simple polars", ["polars"]),
        ("%conda install -c conda-forge -y cartopy=0.21", ["cartopy"]),
        ("sudo apt-get install -y r-cran-dplyr libgdal-dev", ["dplyr", "libgdal-dev"]),
        ("apt-get install -y python3-tk python-lxml", ["python3-tk", "lxml"]),
        ("pip install {{ cookiecutter.package }} numpy", ["numpy"]),
        ("pip install -r requirements.txt && pip install -e . && uv pip install duckdb", ["duckdb"]),
        ("Rscript -e \"install.packages(c('glue', 'sf'), repos='https://x.example.org', lib='y')\"", ["glue", "sf"]),
        ("python -m pip install --upgrade pip setuptools wheel", []),
        ("echo nothing; pipenv install --dev", []),
        ('R -e "install.packages(c(\\"glue\\"), dependencies = c(\\"Depends\\", \\"Imports\\"))"', ["glue"]),
        (
            'Rscript -e \'pak::pak("r-lib/cli@v3")\' -e \'remotes::install_github("o/parsnip", "main")\'',
            ["cli", "parsnip"],
        ),
        ("npm install -g @vue/cli@5 serve", ["@vue/cli", "serve"]),
        ("poetry add httpx", ["httpx"]),
        ("pixi add 'polars>=1' && pixi add --feature gpu --pypi shap", ["polars", "shap"]),
        ("pip install https://x.example.org/shap-0.4-py3-none-any.whl dist/own-1.0-py3-none-any.whl", ["shap"]),
    ],
)
def test_what_a_command_installs(command: str, expected: list[str]) -> None:
    """Options, redirections, templates and the installer itself are no libraries."""
    assert [one.name for one in installs(command)] == expected


def test_files_that_a_command_installs() -> None:
    """Requirement files are told apart from names."""
    assert installed_files("pip install -r a.txt --requirement=b.txt c") == ["a.txt", "b.txt"]


def test_r_calls_count_their_lines() -> None:
    """Calls in an R script are found with their line, whatever package they belong to."""
    text = "x <- 1\nremotes::install_github('tidymodels/parsnip')\nrenv::install('yaml@2.3')\n# my_install('no')\n"
    assert [(one.name, one.line) for one in r_installs(text)] == [("parsnip", 2), ("yaml", 3)]


def test_r_installs_what_a_variable_holds() -> None:
    """A vector that is installed whole, or what of it is not there yet; of other arguments nothing."""
    text = (
        'pkgs <- c("glue", # not "this"\n  sf = "sf")\nnew <- pkgs[!pkgs %in% installed.packages()]\n'
        'install.packages(new, dependencies = c("Depends", "Imports"))\ninstall.packages(others)\n'
    )
    assert [one.name for one in r_installs(text)] == ["glue", "sf"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("git+https://github.com/acme/forecast.git@releases/2.0.1#subdirectory=python", "forecast"),
        ("git+ssh://git@github.com/acme/forecast.git", "forecast"),
        ("git@github.com:acme/forecast.git", "forecast"),
        ("git+https://user:word@example.org/acme/forecast@v1", "forecast"),
        ("https://github.com/acme/forecast/archive/main.zip", "forecast"),
        ("https://x.example.org/packages/scoring-2.3.1-py3-none-any.whl", "scoring"),
        ("2.0.1", None),
        ("warnings", None),
        ("TORCH_HOME=libtorch/", None),
        ("dataclasses; python_version < '3.7'", "dataclasses"),
    ],
)
def test_names_of_requirements(text: str, name: str | None) -> None:
    """A requirement by address is named by its repository or file; versions, variables and modules are none."""
    one = parse(text, Group.RUNTIME)
    assert (one.name if one else None) == name


def test_a_backslash_too_many() -> None:
    """A RUN that ends in a backslash does not swallow the next instruction."""
    manifest = read(
        "Dockerfile", b"FROM python:3.11\nRUN pip install pandas \\\n\n\nWORKDIR /work\nRUN pip install polars\n"
    )
    assert manifest is not None
    assert [(one.name, one.line) for one in manifest.requirements] == [("python", 1), ("pandas", 2), ("polars", 6)]


@pytest.mark.parametrize(
    "command",
    ["uv add --dev pytest-x", "poetry add -D pytest-x", "uv add --group=test pytest-x", "pdm add -dG lint pytest-x"],
)
def test_what_is_added_for_development_is_not_needed(command: str) -> None:
    """The option of the command tells it, as the manifest that it writes would."""
    assert [(one.name, one.group) for one in installs(command)] == [("pytest-x", Group.DEVELOPMENT)]


@pytest.mark.parametrize(
    ("instruction", "names"),
    [
        ("RUN <<EOF\npip install a1 \\\n  a2\n# pip install no\nEOF", ["a1", "a2"]),
        ('RUN --mount=type=cache,target=/c <<-"EOT" bash -ex\n\tconda install -y a1\n\tEOT', ["a1"]),
        ("RUN R --no-save <<EOF\ninstall.packages('a1')\nEOF", ["a1"]),
        ("RUN cat <<EOF >/x && pip install a1\npip install no\nEOF", ["a1"]),
        ("RUN python3 <<PY\nprint('pip install no')\npip install no\nPY", []),
        ("COPY <<EOF /app/x.py\nfrom no import no\nRUN pip install no\nEOF", []),
        ("ADD <<A <<B /x/\nRUN pip install no\nA\nFROM no\nB", []),
        ('RUN bash <<< "./start"', []),
        ("RUN echo $((1 << 3)) && pip install a1", ["a1"]),
    ],
)
def test_here_documents_of_dockerfiles(instruction: str, names: list[str]) -> None:
    """What a shell or R is given runs; what goes into a file or to another program is no instruction."""
    manifest = read("Dockerfile", f"FROM python:3.11\n{instruction}\nRUN pip install last\n".encode())
    assert manifest is not None
    assert [one.name for one in manifest.requirements] == ["python", *names, "last"]


def test_scripts_that_set_an_environment_up() -> None:
    """Their names tell; what they do beside is code like any other."""
    for path in ("scripts/create_hf_env.sh", "conda_dependencies.sh", "setup-machine.sh"):
        manifest = read(path, b"export A=1\npip install shap\n")
        assert manifest is not None
        assert [one.name for one in manifest.requirements] == ["shap"]
    old, new = b"export A=1\n./run $A\n", b"export A=1\n./start $A\n"
    change = ChangeInput((ChangedFile("setup.sh", "setup.sh", old, new),))
    assert classify(change, Tree(), default_rules()).kind == "code_logic"
