"""One library under its several names."""

from __future__ import annotations

import pytest

from release_mgmt.core.evidence import distributions
from release_mgmt.core.evidence.distributions import distribution, identity, import_identity, is_development_tool


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("sklearn.linear_model", "scikit-learn"),
        ("yaml", "PyYAML"),
        ("cv2", "opencv-python"),
        ("PIL.Image", "Pillow"),
        ("google.cloud.storage.blob", "google-cloud-storage"),
        ("google.cloud.something_new", "google-cloud-core"),
        ("azure.storage.blob", "azure-storage-blob"),
        ("numpy.linalg", "numpy"),
        ("flask", "Flask"),
        ("unheard_of.part", "unheard_of"),
    ],
)
def test_imports(module: str, name: str) -> None:
    """The longest known part of a module's name gives its distribution, as its registry spells it."""
    assert distribution(module) == name


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("pypi", "tensorflow-gpu"), ("pypi", "tensorflow")),
        (("pypi", "psycopg2-binary"), ("pypi", "psycopg2")),
        (("conda", "pytorch"), ("pypi", "torch")),
        (("conda", "matplotlib-base"), ("pypi", "matplotlib")),
        (("conda", "r-data.table"), ("cran", "data.table")),
        (("conda", "r-rcolorbrewer"), ("cran", "RColorBrewer")),
        (("pypi", "ruamel.yaml"), ("pypi", "Ruamel_Yaml")),
        (("pypi", "faiss-gpu"), ("conda", "faiss-cpu")),
    ],
)
def test_same_library(one: tuple[str, str], other: tuple[str, str]) -> None:
    """Builds, spellings and the names of conda are one library."""
    assert identity(*one) == identity(*other)


def test_different_libraries() -> None:
    """Names that are only alike, and the same name elsewhere, stay apart."""
    assert identity("pypi", "torch") != identity("pypi", "torchvision")
    assert identity("pypi", "arrow") != identity("cran", "arrow")
    assert identity("pypi", "pycrypto") != identity("pypi", "pycryptodome")


def test_tables_are_consistent() -> None:
    """What an import gives and what its distribution is called agree, and no equivalence leads to another."""
    for module, name in distributions.IMPORTS.items():
        assert import_identity(module) == identity("pypi", name)
    canonical = set(distributions._SAME.values())
    assert not canonical & distributions._SAME.keys()


def test_development_tools() -> None:
    """Testers, linters and stubs are told from what a name only resembles."""
    tools = ("pytest", "pytest-cov", "types-requests", "pandas-stubs", "sphinx-rtd-theme", "black")
    assert all(is_development_tool(identity("pypi", name)) for name in tools)
    assert not any(is_development_tool(identity("pypi", name)) for name in ("torch", "typer", "types", "setuptools"))
    assert is_development_tool(("r", "testthat"))
