"""Libraries that a shell command or R call installs: in Dockerfiles, notebooks (``!pip``, ``%pip``) and scripts."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import islice

from release_mgmt.core.evidence.dependencies.conda import spec
from release_mgmt.core.evidence.dependencies.model import Group, Include, Requirement, requirement, word_set
from release_mgmt.core.evidence.dependencies.pep508 import PLATFORM, parse
from release_mgmt.core.evidence.r import arguments_of

_LIMIT = 200_000
_TEMPLATE = re.compile(r"\{\{[^{}\n]{0,200}\}\}")
_CALLS = 200
_SEPARATOR = re.compile(r"&&|\|\||[;|\n&]")
_WITH_VALUE = word_set(
    """
    -i --index-url --extra-index-url -f --find-links --trusted-host -t --target --prefix --root --cache-dir --timeout
    --default-timeout --retries --platform --python-version --implementation --abi --no-binary --only-binary
    --progress-bar --log --src --proxy --upgrade-strategy --cert --client-cert --index-strategy -p --python
    --report --config-settings --global-option -n --name -c --channel --group -G --extra --repo --source --user-agent
    --solver --override-channels-with --requirement --constraint -r --index --default-index --python-platform
    --feature --manifest-path -dG
    """
)
# What a project adds for its own development.
_ASIDE = re.compile(r" (?:--dev|-D|-dG?|(?:--group|-G)[ =]\S*(?:dev|test|lint|doc)\S*)(?= |\Z)")
# A Debian package of a Python library; the others are the language's own parts.
_APT_PYTHON = re.compile(
    r"python3?-((?!dev$|pip$|venv$|setuptools$|wheel$|distutils$|minimal$|full$|tk$|gdbm$|lib2to3$).+)"
)
_R_CALL = re.compile(
    r"(?<![\w.])(?:utils::|remotes::|devtools::|pak::|renv::|BiocManager::)?"
    r"(install\.packages|install_(?:github|gitlab|bitbucket|bioc|version|cran)|pkg_install|install2|biocLite"
    r"|(?<=renv::)install|(?<=BiocManager::)install|(?<=pak::)pak)\s*\("
)
_R_PACKAGES = (None, "pkgs", "pkg", "repo", "package", "packages")
_QUOTED = re.compile(r"""(["'])([^"'\n]{1,200})\1""")
_R_NAME = re.compile(r"(?:[\w.-]+/)?([A-Za-z][\w.]*[A-Za-z0-9])(?:[@#]([\w.*/-]+))?\Z")


def installs(command: str, group: Group = Group.RUNTIME, line: int | None = None) -> list[Requirement]:
    """The libraries that one or several shell commands install, in order."""
    return [one for one, _ in _all(command, group, line) if one is not None]


def installed_files(command: str) -> list[str]:
    """The requirement files that the commands install (``pip install -r FILE``)."""
    return [file for _, file in _all(command, Group.RUNTIME, None) if file is not None]


def include_files(command: str, line: int) -> list[Include]:
    """The same as includes; paths stay as written, as seen from the folder that the image is built in."""
    return [Include(file.removeprefix("./").removeprefix("/"), line=line) for file in installed_files(command)]


def _all(command: str, group: Group, line: int | None) -> Iterator[tuple[Requirement | None, str | None]]:
    command = _TEMPLATE.sub("$", command[:_LIMIT].replace("\\\n", " "))
    for one in r_installs(command.replace('\\"', '"'), group, line):
        yield one, None
    for part in _SEPARATOR.split(_protected(command)):
        words = _words(part.replace("\0", ";").replace("\1", "|").replace("\2", "&"))
        yield from _command(words, group, line)


def _protected(command: str) -> str:
    """The command with separators inside quotes hidden, so that markers and bounds stay whole."""

    def hidden(match: re.Match[str]) -> str:
        return match.group().replace(";", "\0").replace("|", "\1").replace("&", "\2").replace("\n", " ")

    return re.sub(r'"[^"]{0,2000}"|\'[^\']{0,2000}\'', hidden, command)


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text, comments=True)
    except ValueError:
        return text.split()


def _command(words: list[str], group: Group, line: int | None) -> Iterator[tuple[Requirement | None, str | None]]:
    lowered = [word.rsplit("/", 1)[-1] for word in words[:12]]
    for at, word in enumerate(lowered):
        rest = words[at + 1 :]
        following = rest[0] if rest else ""
        if re.fullmatch(r"[!%]?pip[\d.]*|[!%]?pipenv|[!%]?pipx", word) and following == "install":
            yield from _pip(rest[1:], group, line)
            return
        if word in ("poetry", "uv", "pdm", "rye") and following == "add":
            yield from _pip(rest[1:], Group.DEVELOPMENT if _ASIDE.search(" ".join(rest)) else group, line)
            return
        if re.fullmatch(r"[!%]?(?:conda|mamba|micromamba)", word) and following in ("install", "create"):
            yield from _conda(rest[1:], group, line)
            return
        if word == "pixi" and following == "add":
            yield from (_pip if "--pypi" in rest else _conda)(rest[1:], group, line)
            return
        if word in ("apt-get", "apt") and "install" in rest[:4]:
            yield from _apt(rest[rest.index("install") + 1 :], group, line)
            return
        if word in ("install2.r", "installGithub.r"):
            yield from _littler(rest, group, line)
            return
        if word in ("npm", "yarn", "pnpm", "bun") and following in ("install", "add", "i"):
            yield from _npm(rest[1:], group, line)
            return


def _arguments(words: list[str], with_value: frozenset[str]) -> Iterator[tuple[str, str]]:
    """(option or "", value) of a command's words."""
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if word.startswith("#") or word in (">", ">>", "2>&1"):
            return
        if word.startswith("-"):
            option, equals, value = word.partition("=")
            if not equals and option in with_value and at < len(words):
                value = words[at]
                at += 1
            yield option, value
        else:
            yield "", word


def _pip(words: list[str], group: Group, line: int | None) -> Iterator[tuple[Requirement | None, str | None]]:
    for option, value in _arguments(words, _WITH_VALUE):
        if option in ("-r", "--requirement"):
            yield None, value
        local = "://" not in value and value.endswith((".txt", ".whl"))
        if option or local or value.startswith((".", "/", "$", "~")):
            continue
        one = parse(value, group, line=line)
        if one and one.key not in PLATFORM and one.key not in ("wheel", "setuptools"):
            yield one, None


def _conda(words: list[str], group: Group, line: int | None) -> Iterator[tuple[Requirement | None, str | None]]:
    for option, value in _arguments(words, _WITH_VALUE | {"--file", "-f"}):
        if option == "--file":
            yield None, value
        if not option:
            one = spec(value, group, line=line)
            if one:
                yield one, None


def _apt(words: list[str], group: Group, line: int | None) -> Iterator[tuple[Requirement | None, str | None]]:
    for option, value in _arguments(words, frozenset(("-t", "-o", "--target-release"))):
        match = re.fullmatch(r"([a-z0-9][a-z0-9.+-]+)(?::[a-z0-9-]+)?(?:=(.*))?", value)
        if option or match is None:
            continue
        name, version = match.group(1), match.group(2) or ""
        binding = re.fullmatch(r"r-(?:cran|bioc)-(.+)", name)
        module = _APT_PYTHON.fullmatch(name)
        if binding:
            yield requirement(binding.group(1), "cran", group, line=line), None
        elif module:
            yield requirement(module.group(1), "pypi", group, line=line), None
        else:
            found = requirement(
                name, "apt", group, specifier=version, version=version or None, pinned=bool(version), line=line
            )
            yield found, None


def _littler(words: list[str], group: Group, line: int | None) -> Iterator[tuple[Requirement | None, str | None]]:
    for option, value in _arguments(words, frozenset(("-r", "--repos", "-n", "--ncpus", "-l", "--libloc", "-d"))):
        match = _R_NAME.match(value)
        if not option and match:
            yield requirement(match.group(1), "cran", group, line=line), None


def _npm(words: list[str], group: Group, line: int | None) -> Iterator[tuple[Requirement | None, str | None]]:
    if any(word in ("-D", "--save-dev") for word in words):
        group = Group.DEVELOPMENT
    for option, value in _arguments(words, frozenset(("--prefix", "--registry"))):
        match = re.fullmatch(r"(@?[\w.-]+(?:/[\w.-]+)?)(?:@([\w.^~<>=-]+))?", value)
        if not option and match and not value.startswith("."):
            version = match.group(2)
            yield requirement(match.group(1), "npm", group, specifier=version or "", version=version, line=line), None


def r_installs(
    text: str, group: Group = Group.RUNTIME, line: int | None = None, masked: str | None = None
) -> list[Requirement]:
    """The R packages that calls such as ``install.packages(c("a", "b"))`` install; counts lines when ``line`` is
    None. ``masked`` is R code with its strings and comments blanked: no call of these counts."""
    found: list[Requirement] = []
    masked = masked or text
    for call in islice(_R_CALL.finditer(masked), _CALLS):
        at = line if line is not None else text.count("\n", 0, call.start()) + 1
        listed = next((value for key, value in arguments_of(text, masked, call.end()) if key in _R_PACKAGES), "")
        for _, value in _QUOTED.findall(_vector(text, masked, listed)):
            match = None if "://" in value else _R_NAME.match(value.removeprefix("bioc::").removeprefix("github::"))
            if match:
                url = value if "/" in value else None
                version = match.group(2) if (match.group(2) or "")[:1].isdigit() else None
                found.append(requirement(match.group(1), "cran", group, version=version, url=url, line=at))
    return found


def _vector(text: str, masked: str, listed: str) -> str:
    """What is installed; of a variable the vector that it holds, also by way of what is left of another one."""
    for _ in range(3):
        if not re.fullmatch(r"[A-Za-z.][\w.]{0,100}", listed):
            break
        given = re.search(
            rf"(?<![\w.$@]){re.escape(listed)}\s*(?:<-|=(?!=))\s*(?:(c)\(|(?:setdiff\(\s*)?([A-Za-z.][\w.]*)\s*[\[,])",
            masked,
        )
        if given is None:
            return ""
        if given.group(1):
            return ",".join(value for _, value in arguments_of(text, masked, given.end()))
        listed = given.group(2)
    return listed
