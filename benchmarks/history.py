"""Reading history and making changelogs beside git, git-cliff and GitPython, in one interleaved run.

    python benchmarks/history.py path/to/flask path/to/prefect path/to/numpy [--rounds 3]

Every number is the median over the rounds; a ratio is the median of the ratios inside each round, so that a busy
machine disturbs both sides alike. Times are wall clock of whole processes, CPU in brackets (children included).
Python's modules are compiled beforehand, as an installation has them.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
GIVE_UP = 90.0

METADATA = ["log", "-z", "--format=%H%x00%P%x00%aN%x00%aI%x00%B", "HEAD", "--tags"]
FILES = ["log", "-z", "--raw", "--no-abbrev", "-M", "--format=%H%x00%P%x00%aN%x00%aI%x00%B", "HEAD"]
OUR_FILES = """
import sys; sys.path.insert(0, sys.argv[2])
from release_mgmt.sources.git import open_repository
repository = open_repository(sys.argv[1])
count = sum(1 for _ in repository.log([repository.refs().head.sha], files=True))
"""
GITPYTHON = """
import sys, git
repository = git.Repo(sys.argv[1])
count = sum(len(commit.message) + len(commit.parents) for commit in repository.iter_commits("HEAD"))
"""
CLIFF = """
[git]
conventional_commits = false
filter_unconventional = false
"""
TITLES = """
[changelog]
body = "{% for commit in commits %}- {{ commit.message | split(pat='\\n') | first }}\\n{% endfor %}"
"""


@dataclass
class Run:
    """One process: wall and CPU seconds, peak memory in MB; ``wall`` is infinite when it was given up."""

    wall: float
    cpu: float
    memory: float


def run(command: Sequence[str], limit: float = GIVE_UP) -> Run:
    """Run a whole process with its output thrown away."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors, cwd=ROOT, start_new_session=True)
        memory = 0.0
        while process.poll() is None:
            memory = max(memory, peak(process.pid))
            if time.perf_counter() - began > limit:
                os.killpg(process.pid, 9)
                process.wait()
                return Run(float("inf"), float("inf"), memory)
            time.sleep(0.002)
        if process.returncode:
            errors.seek(0)
            raise SystemExit(f"{command[:4]} failed: {errors.read().decode()[-500:]}")
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(wall, cpu, memory)


def peak(pid: int) -> float:
    """Peak resident memory of one process in MB, without its children."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def table(title: str, floor: str, commands: dict[str, Callable[[], Run]], rounds: int) -> None:
    """Run all commands round after round and print them beside the floor."""
    done: dict[str, list[Run]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            if any(run.wall == float("inf") for run in done[name]):
                continue  # given up once
            done[name].append(command())
    print(f"\n{title}\n")
    print(f"| what | wall s (CPU s) | x {floor}, wall | CPU | peak MB |\n| --- | --- | --- | --- | --- |")
    for name, runs in done.items():
        pairs = list(zip(runs, done[floor], strict=False))
        if runs[-1].wall == float("inf"):
            print(f"| {name} | over {GIVE_UP:.0f}, given up | - | - | {runs[-1].memory:.0f} |")
            continue
        wall, cpu = (statistics.median([getattr(one, key) for one in runs]) for key in ("wall", "cpu"))
        times = [statistics.median([getattr(a, key) / getattr(b, key) for a, b in pairs]) for key in ("wall", "cpu")]
        memory = max(run.memory for run in runs)
        print(f"| {name} | {wall:.2f} ({cpu:.2f}) | {times[0]:.1f} | {times[1]:.1f} | {memory:.0f} |")
    sys.stdout.flush()


def git(repository: Path, *arguments: str) -> list[str]:
    return ["git", "-C", str(repository), *arguments]


def out(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def borrowed(repository: Path, target: Path, kind: str = "--bare") -> Path:
    """A clone that shares the objects: ``--bare`` has branches and tags, ``--mirror`` every reference."""
    out("git", "clone", "-q", kind, "--shared", str(repository), str(target))
    return target


def reading(repository: Path, rounds: int) -> None:
    """Commits, parents, messages and changed files with renames."""
    commands = {
        "git log --raw -M": lambda: run(git(repository, *FILES)),
        "our reader": lambda: run([sys.executable, "-c", OUR_FILES, str(repository), str(ROOT)]),
    }
    commands["our reader"]()  # compiles
    table("Full read: commits, messages, files with renames", "git log --raw -M", commands, rounds)


def cliff(repository: Path, text: str) -> list[str]:
    """git-cliff on a repository, with a configuration."""
    config = Path(tempfile.mkdtemp()) / "cliff.toml"
    config.write_text(text)
    program = Path(sys.executable).parent / "git-cliff"
    return [str(program), "--offline", "--config", str(config), "--repository", str(repository)]


def changelog(repository: Path, rounds: int) -> None:
    """All releases."""
    ours = [sys.executable, "-m", "release_mgmt", "changelog", "--repo", str(repository), "--all", "--no-levels"]
    commands = {
        "git log (metadata)": lambda: run(git(repository, *METADATA)),
        "ours, JSON": lambda: run([*ours, "--format", "json"]),
        "ours, Markdown": lambda: run([*ours, "--format", "markdown"]),
        "git-cliff, JSON of all commits": lambda: run([*cliff(repository, CLIFF), "--context"]),
        "git-cliff, its own template, all commits": lambda: run(cliff(repository, CLIFF)),
        "git-cliff, titles alone, all commits": lambda: run(cliff(repository, TITLES + CLIFF)),
        "GitPython iter_commits, no files, no releases": lambda: run(
            [sys.executable, "-c", GITPYTHON, str(repository)]
        ),
    }
    for form in ("JSON", "Markdown"):
        commands[f"ours, {form}"]()  # compiles
    table("Changelog of all tags", "git log (metadata)", commands, rounds)


def spent() -> tuple[float, float]:
    """Wall clock and CPU of this process and its children, so far."""
    mine, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    cpu = mine.ru_utime + mine.ru_stime + children.ru_utime + children.ru_stime
    return time.perf_counter(), cpu


def syncing(repository: Path, rounds: int, kind: str) -> None:
    """A sync inside a running process, with nothing new and with 50 new commits."""
    from release_mgmt.core.permissions import Via, trusted
    from release_mgmt.services.history_growth import Readings
    from release_mgmt.services.sync import store_history
    from release_mgmt.sources.git import open_repository
    from release_mgmt.store.migrate import upgrade
    from release_mgmt.store.models.repositories import Repository
    from release_mgmt.store.session import Store

    folder = Path(tempfile.mkdtemp())
    copy = borrowed(repository, folder / "copy.git", kind)
    url = f"sqlite:///{folder}/bench.sqlite"
    upgrade(url)
    store, now, readings = Store(url), datetime(2026, 11, 21, tzinfo=UTC), Readings()
    with store.write() as session:
        row = Repository(id="r_bench", name="bench", location=str(copy), adopted_at=now, created_at=now, updated_at=now)
        session.add(row)
    actor = trusted("bench", Via.JOB)

    def measured(work: Callable[[], object]) -> tuple[float, float]:
        before = spent()
        work()
        after = spent()
        return after[0] - before[0], after[1] - before[1]

    def sync() -> tuple[float, float]:
        source = open_repository(copy)
        return measured(lambda: store_history(store, actor, now, "r_bench", source, readings=readings))

    def floor() -> tuple[float, float]:
        command = git(copy, "for-each-ref")
        return measured(lambda: subprocess.run(command, stdout=subprocess.DEVNULL, check=True))

    first = sync()
    tree, tip = out(*git(copy, "rev-parse", "HEAD^{tree}")), out(*git(copy, "rev-parse", "HEAD"))
    branch = out(*git(copy, "symbolic-ref", "HEAD"))
    same, new = [], []
    for number in range(rounds):
        same.append((floor(), sync()))
        for step in range(50):
            title = f"Change {number}.{step} (#{900_000 + 50 * number + step})"
            identity = ["-c", "user.name=Bench", "-c", "user.email=bench@example.org"]
            tip = out("git", "-C", str(copy), *identity, "commit-tree", tree, "-p", tip, "-m", title)
        out(*git(copy, "update-ref", branch, tip))
        new.append((floor(), sync()))
    refs = len(out(*git(copy, "for-each-ref", "--format=x")).splitlines())
    print(f"\nSync in a running process, {refs:,} references (first sync {first[0]:.2f} s)\n")
    print("| what | ms (CPU ms) | x git for-each-ref, wall | CPU |\n| --- | --- | --- | --- |")
    for name, pairs in (("nothing new", same), ("50 new commits", new)):
        wall, cpu = ([one[at] / base[at] for base, one in pairs] for at in (0, 1))
        ms = [1000 * statistics.median([one[at] for _, one in pairs]) for at in (0, 1)]
        print(f"| {name} | {ms[0]:.0f} ({ms[1]:.0f}) | {statistics.median(wall):.1f} | {statistics.median(cpu):.1f} |")
    sys.stdout.flush()
    store.close()


def growth() -> None:
    """Made-up histories: twice the commits, twice the tags."""
    from release_mgmt.core.history import Graph, TagAt, assign
    from release_mgmt.core.versions import name_tags

    print("\nGiving commits to releases, made-up histories\n")
    print("| commits | tags | s |\n| --- | --- | --- |")
    for commits, tags in ((10_000, 1_250), (20_000, 2_500), (40_000, 5_000), (40_000, 1_250)):
        shas = [f"{n:040x}" for n in range(commits)]
        parents = {sha: (shas[at - 1],) if at else () for at, sha in enumerate(shas)}
        step = commits // tags
        at = {f"v1.{number}": shas[number * step + step - 1] for number in range(tags)}
        began = time.process_time()
        named, _ = name_tags(at, "bench")
        graph = Graph(parents, [at[one.tag] for one in named], shas[-1])
        assign(graph, [TagAt(one, graph.number[at[one.tag]]) for one in named])
        print(f"| {commits:,} | {tags:,} | {time.process_time() - began:.2f} |")


def main() -> None:
    """Print Markdown for each repository that is named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("repositories", nargs="*", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = tempfile.mkdtemp()
    for original in given.repositories:
        repository = borrowed(original, Path(tempfile.mkdtemp()) / "repository.git")
        commits = out(*git(repository, "rev-list", "--count", "HEAD"))
        tags = len(out(*git(repository, "tag")).splitlines())
        print(f"\n### {original.parent.name.replace('+', '/')}: {int(commits):,} commits, {tags:,} tags")
        reading(repository, given.rounds)
        changelog(repository, given.rounds)
        for kind in ("--bare", "--mirror"):
            syncing(original, max(given.rounds, 5), kind)
    growth()


if __name__ == "__main__":
    main()
