"""What changed between the manifests of two trees."""

from __future__ import annotations

import pytest

from release_mgmt.core.evidence.dependencies import DependencyChanges, Group, diff, read
from release_mgmt.core.evidence.dependencies.versions import bound, crosses_major
from tests.support.dependencies import bumped, newly_needed


def changes(old: dict[str, str], new: dict[str, str]) -> DependencyChanges:
    def manifests(files: dict[str, str]) -> list:  # type: ignore[type-arg]
        return [one for one in (read(path, text.encode()) for path, text in files.items()) if one]

    return diff(manifests(old), manifests(new))


def names(found: DependencyChanges) -> list[tuple[str, str]]:
    return [(one.status, one.name) for one in found.changes]


def test_added_and_removed() -> None:
    """A library only the new tree names is added, one only the old names is removed."""
    found = changes({"requirements.txt": "numpy\npandas==1.0\n"}, {"requirements.txt": "numpy\nscikit_learn>=1\n"})
    assert names(found) == [("removed", "pandas"), ("added", "scikit_learn")]
    assert newly_needed(found) == ["scikit_learn"]
    assert found.changes[1].line == 2


def test_moved_between_files_is_no_change() -> None:
    """The same requirement in another manifest changes nothing."""
    old = {"requirements.txt": "numpy==1.26\n"}
    new = {"pyproject.toml": '[project]\nname="x"\ndependencies=["numpy==1.26"]\n'}
    assert changes(old, new).changes == ()


@pytest.mark.parametrize(
    ("old", "new", "major"),
    [
        ("a==1.9", "a==2.0", True),
        ("a>=0.9", "a>=1.0", True),
        ("a==0.3", "a==0.4", False),
        ("a<2", "a<3", False),
        ("a>=1,<2", "a>=1,<3", False),
        ("a==2023.1", "a==2024.1", False),
        ("a", "a==2.0", False),
        ("a==2", "a==1", False),
        ("a~=1.4", "a~=2.0", True),
    ],
)
def test_major_bump(old: str, new: str, major: bool) -> None:
    """A pin or lower bound that moves to a higher first number crosses; caps, years and steps down do not."""
    found = changes({"requirements.txt": old}, {"requirements.txt": new})
    assert bool(bumped(found)) is major


def test_development_is_told_apart() -> None:
    """Names of files and groups tell what is needed to run."""
    toml = (
        '[project]\nname="x"\ndependencies=["a"]\n[project.optional-dependencies]\nplot=["b"]\ntest=["c"]\n'
        '[dependency-groups]\ndev=["d", {include-group="lint"}]\n[build-system]\nrequires=["e>=1"]\n'
    )
    manifest = read("pyproject.toml", toml.encode())
    assert manifest is not None
    assert {one.name: one.group for one in manifest.requirements} == {
        "a": Group.RUNTIME,
        "b": Group.OPTIONAL,
        "c": Group.DEVELOPMENT,
        "d": Group.DEVELOPMENT,
        "e": Group.BUILD,
    }
    assert newly_needed(changes({}, {"docs/requirements.txt": "sphinx", "requirements-dev.txt": "pytest"})) == []


def test_promotion() -> None:
    """What becomes needed at run time is told, with what it was before."""
    found = changes({"requirements-dev.txt": "rich"}, {"requirements.txt": "rich"})
    assert [(one.status, one.before, one.group) for one in found.changes] == [
        ("promoted", Group.DEVELOPMENT, Group.RUNTIME)
    ]


def test_same_library_under_another_name() -> None:
    """GPU builds, headless builds and old spellings are one library."""
    old = {"requirements.txt": "tensorflow-gpu==2.1\nopencv-python\nsklearn\n"}
    new = {"requirements.txt": "tensorflow==2.1\nopencv-python-headless\nscikit-learn\n"}
    assert changes(old, new).changes == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (">=1.2,<2", ("1.2", False)),
        ("==1.2.*", ("1.2", True)),
        ("^1.2", ("1.2", False)),
        ("<3", (None, False)),
        ("=1.2", ("1.2", True)),
        ("^1 || ^2", ("2", False)),
        ("", (None, False)),
    ],
)
def test_bound(text: str, expected: tuple[str | None, bool]) -> None:
    """Pins and lower bounds are read in every dialect."""
    assert bound(text) == expected


def test_years_of_two_digits() -> None:
    """Known calendar versions do not cross."""
    assert not crosses_major("black", "22.3.0", "23.1.0")
    assert not crosses_major("somelib", "21.04.1", "22.02.0")
    assert crosses_major("somelib", "21.4.1", "22.2.0")


def test_images_follow_the_manifests() -> None:
    """An image that installs what DESCRIPTION suggests does not make it needed; one that installs more does."""
    description = "Package: a\nImports: dplyr\nSuggests: stars\n"
    image = "FROM r-base:4.3.0\nRUN install2.r stars units\n"
    found = changes({"DESCRIPTION": description}, {"DESCRIPTION": description, "Dockerfile": image})
    assert newly_needed(found) == ["units"]
    inst = changes({"DESCRIPTION": description}, {"DESCRIPTION": description, "inst/docker/Dockerfile": image})
    assert newly_needed(inst) == []


THIN = {
    "vendored": (
        {},
        {"vendor/other/requirements.txt": "flask", "node_modules/a/package.json": '{"dependencies": {"b": "1"}}'},
        [],
        [],
    ),
    "image": ({"Dockerfile": "FROM a\n"}, {"Dockerfile": "FROM a\nRUN pip install shap==0.44\n"}, ["shap"], []),
    "image bump": (
        {"Dockerfile": "FROM python:3.9\nRUN pip install mlflow==1.30\n"},
        {"Dockerfile": "FROM python:3.11\nRUN pip install mlflow==2.9\n"},
        [],
        ["mlflow"],
    ),
    "marker": (
        {"requirements.txt": "tomli==1.2; python_version < '3.11'"},
        {"requirements.txt": "tomli==2.0; python_version < '3.11'\npywin32; sys_platform == 'win32'"},
        ["pywin32"],
        ["tomli"],
    ),
    "Pipfile": (
        {"Pipfile": '[packages]\nflask = "~=1.1"\n[dev-packages]\nrich = "*"\n'},
        {"Pipfile": '[packages]\nflask = "~=2.0"\nrich = "*"\n[dev-packages]\nipdb = "*"\n'},
        ["rich"],
        ["flask"],
    ),
    "Pipfile.lock": (
        {
            "Pipfile": '[packages]\na = "*"\n',
            "Pipfile.lock": '{"default": {"a": {"version": "==1.0"}, "b": {"version": "==1.0"}}}',
        },
        {
            "Pipfile": '[packages]\na = "*"\n',
            "Pipfile.lock": '{"default": {"a": {"version": "==2.0"}, "b": {"version": "==2.0"}}}',
        },
        [],
        ["a"],
    ),
    "PEP 735": (
        {"pyproject.toml": '[dependency-groups]\ntest = ["pytest>=7"]\n'},
        {"pyproject.toml": '[dependency-groups]\ntest = ["pytest>=8", "polars"]\nnotebook = ["jupyterlab"]\n'},
        [],
        [],
    ),
    "npm": (
        {"package.json": '{"dependencies": {"react": "^17.0.0"}, "devDependencies": {"vite": "^4"}}'},
        {"package.json": '{"dependencies": {"react": "^18.0.0", "d3": "^7"}, "devDependencies": {"vite": "^5"}}'},
        ["d3"],
        ["react"],
    ),
}


@pytest.mark.parametrize("name", THIN)
def test_where_data_science_seldom_looks(name: str) -> None:
    """Vendored copies, images, markers, Pipfile, PEP 735 groups and npm: what is new, what crosses a major version."""
    old, new, added, crossed = THIN[name]
    found = changes(old, new)
    assert newly_needed(found) == added
    assert bumped(found) == crossed
