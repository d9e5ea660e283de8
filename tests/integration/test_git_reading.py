"""Reading real repositories through the one wrapper."""

from __future__ import annotations

import ast
import os
import subprocess
import time
from pathlib import Path

import pytest

from release_mgmt.core.errors import NotFound, ReleaseMgmtError, RepositoryRefused, Unavailable
from release_mgmt.sources.git import MissingBlob, open_repository
from release_mgmt.sources.git import log as git_log
from release_mgmt.sources.git.edits import Edits
from release_mgmt.sources.git.objects import Question, Work, contents, missing, objects_of, sizes
from release_mgmt.sources.git.process import environment, run, start
from tests.support.gitrepo import Builder, git

PACKAGE = Path(__file__).resolve().parents[2] / "release_mgmt"
EVIL = "-evil\n\x1b[31m\x00".replace("\x00", "")


@pytest.fixture
def small(tmp_path: Path) -> Builder:
    """Three commits: one file added, renamed with an edit, and a merge of a branch."""
    made = Builder(tmp_path / "small.git")
    body = "".join(f"line {n}\n" for n in range(40))
    first = made.commit("Add it", files={"src/old name.py": body})
    second = made.commit("Move it\n\nWith a reason.\n\nCo-authored-by: Bob <b@x>", first,
                         files={"src/old name.py": None, "src/new\tname.py": body + "more\n"},
                         author="ann <ann@old.example>")  # fmt: skip
    side = made.commit("Side", first, files={"side.txt": "1\n", ".mailmap": "Ann Author <a@x> <ann@old.example>\n"})
    made.commit("Merge pull request #7 from x/side", second, side, branch="main", mark="merge")
    made.tag("v1.0", second)
    made.tag("v1.1", "merge", "Version 1.1")
    made.build()
    return made


def test_a_bare_repository_a_checkout_and_a_folder_inside_it_read_the_same(small: Builder, tmp_path: Path) -> None:
    """The same commits, names and mailmap come from every way to name a repository."""
    git(tmp_path, "clone", "-q", str(small.path), "checkout")
    found = []
    for path in (small.path, tmp_path / "checkout", tmp_path / "checkout" / "src", tmp_path / "checkout" / ".git"):
        repository = open_repository(path)
        refs = repository.refs()
        assert refs.head == ("main", small.shas["merge"])
        found.append(list(repository.log([small.shas["merge"]], files=True, topological=True)))
    assert found[0] == found[1] == found[2] == found[3]
    assert {commit.author for commit in found[0]} == {"Ann Author"}


def test_the_log_streams_commits_with_files_and_renames(small: Builder) -> None:
    """Parents, messages and raw changes with both names of a rename."""
    repository = open_repository(small.path)
    by_sha = {commit.sha: commit for commit in repository.log([small.shas["merge"]], files=True)}
    second = by_sha[small.shas["c2"]]
    (change,) = second.files
    assert (change.status, change.old_path, change.path) == ("R", "src/old name.py", "src/new\tname.py")
    assert (len(change.old_blob), change.old_blob != change.new_blob, change.new_mode) == (40, True, "100644")
    assert second.message.startswith("Move it\n\nWith a reason.")
    assert second.parents == (small.shas["c1"],)
    assert by_sha[small.shas["merge"]].files == ()
    with_merges = {c.sha: c for c in repository.log([small.shas["merge"]], files=True, merges="first-parent")}
    assert {file.path for file in with_merges[small.shas["merge"]].files} == {"side.txt", ".mailmap"}
    plain = {commit.sha: commit for commit in repository.log([small.shas["merge"]])}
    assert plain == {sha: commit._replace(files=()) for sha, commit in by_sha.items()}
    only = list(repository.log([small.shas["c2"]], walk=False))
    assert [commit.sha for commit in only] == [small.shas["c2"]]
    since = repository.log([small.shas["merge"]], [small.shas["c2"]])
    assert {commit.sha for commit in since} == {small.shas["merge"], small.shas["c3"]}


@pytest.mark.acceptance("CHG-A6")
def test_tags_of_every_form_are_read_without_a_crash(small: Builder) -> None:
    """Lightweight, annotated, nested, and tags of blobs and trees, in one reading."""
    path = small.path
    git(path, "tag", "-a", "-m", "again", "nested", "v1.1")
    git(path, "tag", "-a", "-m", "thrice", "thrice", "nested")
    git(path, "tag", "tree", "HEAD^{tree}")
    git(path, "tag", "-a", "-m", "b", "blob", "HEAD:side.txt")
    tags = {tag.name: tag for tag in open_repository(path).refs().tags}
    merge = small.shas["merge"]
    assert {name: tag.commit for name, tag in tags.items()} == {
        "v1.0": small.shas["c2"], "v1.1": merge, "nested": merge, "thrice": merge, "tree": None, "blob": None,
    }  # fmt: skip
    assert (tags["v1.0"].annotated, tags["v1.1"].annotated) == (False, True)


def test_blobs_come_streamed_or_one_by_one_with_limits(small: Builder) -> None:
    """Content, missing blobs, blobs over the limit and things that are no blobs, in order."""
    repository = open_repository(small.path)
    files = {entry.path: entry.sha for entry in repository.tree(small.shas["merge"])}
    assert set(files) == {"src/new\tname.py", "side.txt", ".mailmap"}
    ids = [files["side.txt"], "0" * 40, files["src/new\tname.py"], small.shas["merge"], files["side.txt"]]
    streamed = [data for _, data in repository.read_blobs(ids, limit=100)]
    with repository.blobs(limit=100) as blobs:
        asked = [blobs.ask(blob) for blob in ids]
        assert blobs.read("0" * 40) is None
    assert streamed == asked
    reasons = [data if isinstance(data, bytes) else data.reason for data in asked]
    assert reasons == [b"1\n", "missing", "too_large", "not_a_blob", b"1\n"]
    assert isinstance(asked[1], MissingBlob)
    assert repository.missing(ids) == {"0" * 40}


def test_patch_ids_are_equal_for_a_picked_commit_and_absent_for_merges_and_empty_ones(tmp_path: Path) -> None:
    """1,500 commits at once neither block nor mix."""
    made = Builder(tmp_path / "picks.git")
    base = made.commit("base", files={"a.txt": "1\n2\n3\n"})
    one = made.commit("fix", base, files={"a.txt": "1\n2!\n3\n"}, branch="main")
    other = made.commit("other", base, files={"b.txt": "b\n"})
    picked = made.commit("fix differently told", other, files={"a.txt": "1\n2!\n3\n"})
    empty = made.commit("nothing", picked, files={}, branch="release")
    last = base
    for number in range(1500):
        last = made.commit(f"n{number}", last)
    made.branch("many", last)
    made.build()
    with objects_of(open_repository(made.path)) as objects:
        ids = Edits(objects).patch_ids(made.shas.values())
    assert ids[made.shas[one]] == ids[made.shas[picked]] != ids[made.shas[other]]
    assert made.shas[empty] not in ids
    assert len(ids) == 1504


def test_works_that_ask_in_turns_are_given_what_they_asked_for(tmp_path: Path) -> None:
    """Each of many works asks twice, for more than fit one question, for bytes and for sizes, one of them in vain."""
    made = Builder(tmp_path / "many.git")
    texts = {f"f{number}": f"text {number}\n" * (1 + number % 7) for number in range(1200)}
    made.commit("All", files=texts, branch="main")
    made.build()
    repository = open_repository(made.path)
    blobs = {entry.path: entry.sha for entry in repository.tree(made.shas["c1"])}
    names = sorted(blobs)
    nobody = "1" * 40

    def work(mine: list[str]) -> Work[tuple[list[str], dict[str, int], dict[str, bytes | None], set[str]]]:
        known = yield from sizes([*(blobs[name] for name in mine), nobody])
        read = yield from contents([*(blobs[name] for name in mine), nobody])
        absent = yield from missing([nobody, blobs[mine[0]]])
        return mine, known, read, absent

    with objects_of(repository) as objects:
        done = objects.in_turns(work(names[at:] + names[:at]) for at in (0, 5, 400, 1199))
    assert sorted(mine[0] for mine, _, _, _ in done) == sorted([names[0], names[5], names[400], names[1199]])
    for mine, known, read, absent in done:
        assert read == {**{blobs[name]: texts[name].encode() for name in mine}, nobody: None}
        assert known == {blobs[name]: len(texts[name]) for name in mine}
        assert absent == {nobody}


def _damage(made: Builder, revision: str) -> str:
    """Change a byte of an object on disk; its id."""
    repository = open_repository(made.path)
    sha = run(repository.git_dir, ["rev-parse", revision], repository.env).decode().strip()
    file = made.path / "objects" / sha[:2] / sha[2:]
    assert file.is_file(), "the builder leaves few objects loose"
    file.chmod(0o644)
    data = bytearray(file.read_bytes())
    data[-8] ^= 0xFF
    file.write_bytes(data)
    return sha


@pytest.mark.acceptance("CHG-A7")
def test_a_damaged_repository_is_refused_and_not_read_as_if_objects_were_missing(small: Builder) -> None:
    """A tree whose bytes were changed on disk ends the reading with what git says of it and what to do."""
    tree = _damage(small, f"{small.shas['merge']}^{{tree}}")
    with objects_of(open_repository(small.path)) as objects:
        assert objects.read(small.shas["merge"]), "what came before it is read"
        with pytest.raises(RepositoryRefused) as caught:
            objects.read_all([small.shas["c1"], tree, small.shas["c2"]])
        assert caught.value.code == "repository_damaged"
        assert "git fsck" in str(caught.value.hint)
        assert objects.read(small.shas["c2"]), "the next question starts git again"


@pytest.mark.acceptance("CHG-A7")
def test_a_damaged_file_is_refused_and_no_part_of_it_is_taken_for_it(small: Builder) -> None:
    """Asked for one by one, and streamed."""
    blob = _damage(small, f"{small.shas['merge']}:src/new\tname.py")
    repository = open_repository(small.path)
    with pytest.raises(RepositoryRefused) as caught, repository.blobs() as blobs:
        blobs.ask(blob)
    assert caught.value.code == "repository_damaged"
    with pytest.raises(RepositoryRefused) as caught:
        list(repository.read_blobs([blob, blob]))
    assert caught.value.code == "repository_damaged"


def test_a_git_that_ends_before_it_answered_is_told(small: Builder) -> None:
    """Killed from outside, or stopped by the time limit: never answers that look as if objects were missing."""

    def ask_when_killed() -> None:
        with open_repository(small.path).blobs() as blobs:
            blobs._process.kill()
            blobs.ask(small.shas["c1"])

    with pytest.raises(ReleaseMgmtError, match="cat-file"):
        ask_when_killed()
    with objects_of(open_repository(small.path, time_limit=0.2)) as objects:
        objects.read(small.shas["c1"])
        time.sleep(0.5)
        with pytest.raises(Unavailable, match="took longer"):
            objects.read(small.shas["c2"])


def test_of_a_file_that_is_too_large_only_the_identity_is_compared(tmp_path: Path) -> None:
    """Neither a patch nor a merge makes git give a large file."""
    made = Builder(tmp_path / "large.git")
    large = "x" * 99 + "\n"
    base = made.commit("base", files={"a.csv": large * 3_000})
    one = made.commit("one", base, files={"a.csv": large * 3_000 + "1\n"}, branch="main")
    picked = made.commit("picked", base, files={"a.csv": large * 3_000 + "1\n", "b.txt": ""})
    made.commit("merge", one, picked, files={"a.csv": large * 3_000 + "2\n", "b.txt": ""}, branch="both", mark="both")
    made.build()
    with objects_of(open_repository(made.path)) as objects:
        asked: list[int] = []
        read = objects._answers

        def seen(question: Question) -> object:
            answers = read(question)
            if isinstance(answers, dict):
                asked.extend(len(data or b"") for data in answers.values())
            return answers

        objects._answers = seen  # type: ignore[method-assign]
        edits = Edits(objects)
        ids = edits.patch_ids([made.shas[one], made.shas[picked]])
        assert len(set(ids.values())) == 2
        assert not edits.adds_own(made.shas["both"])
    assert max(asked) < 1_000


@pytest.mark.acceptance("ING-H5")
@pytest.mark.parametrize(
    "text",
    ["--output=pwned", "-h", "HEAD:side.txt", "@{-1}", "HEAD@{1}", "a..b", "v1.0 v1.1", "", "nope", "^HEAD", "x\n",
     ":/Add", "v1.0\x00", "HEAD^{tree}", "*"],
)  # fmt: skip
def test_a_revision_from_outside_is_never_an_option_a_path_or_a_range(small: Builder, text: str) -> None:
    """Anything that is not the name of a commit is not found, and nothing is written."""
    repository = open_repository(small.path)
    before = sorted(path.name for path in small.path.iterdir())
    with pytest.raises(NotFound):
        repository.resolve(text)
    with pytest.raises(NotFound):
        list(repository.log([text]))
    assert sorted(path.name for path in small.path.iterdir()) == before


def test_revisions_resolve_to_full_shas(small: Builder) -> None:
    """Tags, branches, abbreviations and steps back."""
    repository = open_repository(small.path)
    for text in ("v1.1", "main", "HEAD", "refs/tags/v1.1", small.shas["merge"][:10], small.shas["merge"]):
        assert repository.resolve(text) == small.shas["merge"]
    assert repository.resolve("HEAD~1") == repository.resolve("v1.0") == small.shas["c2"]
    assert repository.resolve("HEAD^2") == small.shas["c3"]


@pytest.mark.acceptance("CHG-A7")
def test_what_cannot_be_read_whole_is_refused_with_the_command_that_mends_it(small: Builder, tmp_path: Path) -> None:
    """No path, no repository, a shallow clone, missing commits."""
    (tmp_path / "plain").mkdir()
    for path, code in ((tmp_path / "plain", "repository_not_found"), (tmp_path / "no", "repository_not_found"),
                       ("", "repository_not_found")):  # fmt: skip
        with pytest.raises(RepositoryRefused) as caught:
            open_repository(path)
        assert (caught.value.code, bool(caught.value.hint)) == (code, True)
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{small.path}", "shallow")
    with pytest.raises(RepositoryRefused) as caught:
        open_repository(tmp_path / "shallow")
    assert caught.value.code == "repository_shallow"
    assert "--unshallow" in str(caught.value.hint)

    git(tmp_path, "clone", "-q", str(small.path), "loose")
    git(tmp_path / "loose", "repack", "-adq")
    (pack,) = (tmp_path / "loose/.git/objects/pack").glob("*.pack")
    for path in pack.parent.iterdir():
        path.rename(tmp_path / path.name)
    git(tmp_path / "loose", "unpack-objects", "-q", feed=(tmp_path / pack.name).read_bytes())
    gone = small.shas["c1"]
    (tmp_path / "loose/.git/objects" / gone[:2] / gone[2:]).unlink()
    with pytest.raises(RepositoryRefused) as caught:
        list(open_repository(tmp_path / "loose").log([small.shas["merge"]]))
    assert caught.value.code == "repository_incomplete"
    assert "git fetch" in str(caught.value.hint)


@pytest.mark.acceptance("CHG-A7")
def test_missing_blobs_are_read_around_and_never_fetched(small: Builder, tmp_path: Path) -> None:
    """A partial clone lists exact renames and says which blobs are missing, though its remote is there to be asked."""
    git(small.path, "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "-q", "--bare", "--filter=blob:none", f"file://{small.path}", "partial.git")
    repository = open_repository(tmp_path / "partial.git")
    commits = {c.sha: c for c in repository.log([small.shas["merge"]], files=True, renames="exact")}
    assert [change.status for change in commits[small.shas["c2"]].files] == ["A", "D"] or [
        change.status for change in commits[small.shas["c2"]].files
    ] == ["D", "A"]
    with repository.blobs() as blobs:
        answer = blobs.ask(commits[small.shas["c2"]].files[0].new_blob)
    assert isinstance(answer, MissingBlob)
    assert repository.partial


@pytest.mark.acceptance("CHG-A7")
def test_a_copy_that_lacks_blobs_is_read_to_its_end_and_says_so(small: Builder, tmp_path: Path) -> None:
    """Looking for renames dies on a blob that is not there: the reading goes on with exact renames, nothing is lost."""
    git(tmp_path, "clone", "-q", "--bare", str(small.path), "loose.git")
    loose = tmp_path / "loose.git"
    blob = git(loose, "rev-parse", f"{small.shas['c1']}:src/old name.py")
    git(loose, "repack", "-adq")
    for pack in (loose / "objects/pack").iterdir():
        pack.rename(tmp_path / pack.name)
    git(loose, "unpack-objects", "-q", feed=next(tmp_path.glob("*.pack")).read_bytes())
    (loose / "objects" / blob[:2] / blob[2:]).unlink()
    told: list[str] = []
    repository = open_repository(loose)
    commits = list(repository.log([small.shas["merge"]], files=True, on_missing=told.append))
    assert {commit.sha for commit in commits} == set(small.shas.values())
    assert len(commits) == 4
    assert sorted(file.status for commit in commits for file in commit.files) == ["A", "A", "A", "A", "D"]
    assert len(told) == 1


@pytest.mark.acceptance("ING-H3")
def test_the_environment_of_git_is_made_new_and_reaches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the user's environment passes but PATH, no protocol is allowed unless named."""
    monkeypatch.setenv("GIT_DIR", "/elsewhere")
    monkeypatch.setenv("GIT_SSH_COMMAND", "touch /pwned")
    monkeypatch.setenv("SECRET", "s")
    env = environment(["/x"])
    assert not {"GIT_DIR", "GIT_SSH_COMMAND", "SECRET"} & set(env)
    assert env["GIT_ALLOW_PROTOCOL"] == "none"
    wanted = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_TERMINAL_PROMPT": "0",
              "GIT_ASKPASS": "/bin/false", "GIT_PROTOCOL_FROM_USER": "0", "GIT_NO_REPLACE_OBJECTS": "1"}  # fmt: skip
    assert wanted.items() <= env.items()
    pairs = {env[f"GIT_CONFIG_KEY_{n}"]: env[f"GIT_CONFIG_VALUE_{n}"] for n in range(int(env["GIT_CONFIG_COUNT"]))}
    expected = {"core.fsmonitor": "false", "core.hooksPath": "/dev/null", "protocol.allow": "never",
                "transfer.fsckObjects": "true", "submodule.recurse": "false", "gc.auto": "0",
                "http.followRedirects": "false", "safe.directory": "/x"}  # fmt: skip
    assert expected.items() <= pairs.items()
    https = environment(protocols=["https"])
    assert https["GIT_ALLOW_PROTOCOL"] == "https"
    assert "protocol.https.allow" in https.values()


@pytest.mark.acceptance("ING-H3")
def test_a_hostile_configuration_starts_no_program(small: Builder, tmp_path: Path) -> None:
    """File system monitors, hooks, signature programs, filters, pagers and aliases of the repository stay still."""
    git(tmp_path, "clone", "-q", str(small.path), "hostile")
    witness = tmp_path / "pwned"
    evil = tmp_path / "evil.sh"
    evil.write_text(f"#!/bin/sh\ntouch {witness}\n")
    evil.chmod(0o755)
    checkout = tmp_path / "hostile"
    keys = """core.fsmonitor gpg.program core.pager core.sshCommand diff.external diff.x.textconv diff.x.command
              filter.x.clean core.editor credential.helper remote.origin.uploadpack"""
    for key in keys.split():
        git(checkout, "config", key, str(evil))
    git(checkout, "config", "log.showSignature", "true")
    git(checkout, "config", "alias.log", f"!{evil}")
    git(checkout, "config", "remote.origin.promisor", "true")
    (checkout / ".gitattributes").write_text("* diff=x filter=x\n")
    (checkout / ".git/info/attributes").write_text("* diff=x filter=x\n")
    repository = open_repository(checkout)
    repository.refs()
    shas = [commit.sha for commit in repository.log([small.shas["merge"]], files=True, merges="first-parent")]
    with objects_of(repository) as objects:
        Edits(objects).patch_ids(shas)
    repository.tree(shas[0])
    repository.resolve("HEAD")
    with repository.blobs() as blobs:
        blobs.ask("0" * 40)
    assert not witness.exists()


@pytest.mark.acceptance("ING-H3")
def test_replace_references_and_grafts_are_ignored(small: Builder) -> None:
    """History is what the commits say, not what a local reference pretends."""
    git(small.path, "replace", "--graft", small.shas["c2"])
    (small.path / "info").mkdir(exist_ok=True)
    (small.path / "info/grafts").write_text(f"{small.shas['merge']}\n")
    assert len(list(open_repository(small.path).log([small.shas["merge"]]))) == 4


@pytest.mark.acceptance("ING-H6")
def test_a_process_over_its_time_is_killed_with_its_children(small: Builder) -> None:
    """A cat-file that waits for ever ends with the limit, and says so."""
    repository = open_repository(small.path)
    with (
        pytest.raises(Unavailable) as caught,
        start(repository.git_dir, ["cat-file", "--batch"], repository.env, time_limit=0.3) as process,
    ):
        process.stdout.read()
    assert caught.value.code == "git_timeout"
    with pytest.raises(ProcessLookupError):
        os.kill(process.popen.pid, 0)


def test_a_reader_that_stops_early_leaves_no_process_behind(small: Builder) -> None:
    """Closing the stream ends git."""
    stream = open_repository(small.path).log([small.shas["merge"]])
    next(stream)
    stream.close()
    children = subprocess.run(
        ["ps", "--ppid", str(os.getpid()), "-o", "comm="], capture_output=True, text=True, check=False
    )
    assert "git" not in children.stdout.split()


@pytest.mark.acceptance("ING-H8")
def test_bytes_that_are_no_text_are_replaced_and_latin_1_is_read(tmp_path: Path) -> None:
    """The commit's own encoding is honoured; what is invalid in it becomes a replacement character."""
    made = Builder(tmp_path / "odd.git")
    first = made.commit("", raw_message="Größe".encode("latin-1"), encoding="ISO-8859-1")
    made.commit("", first, raw_message=b"bad \xff\xfe byte\n", branch="main", author="J\x01r <j@x>")
    made.build()
    messages = [commit.message.strip() for commit in open_repository(made.path).log([made.shas["c2"]])]
    assert messages[1] == "Größe"
    assert messages[0].startswith("bad ")
    assert "byte" in messages[0]


def test_the_rest_of_a_message_without_end_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept of it while it comes in is bounded; the commits around it are whole, and so is where it ends."""
    monkeypatch.setattr(git_log, "_FIELD_LIMIT", 200_000)
    made = Builder(tmp_path / "large.git")
    first = made.commit("Before")
    large = made.commit("Large\n\n" + "word " * 400_000, first)
    made.commit("After", large, branch="main")
    made.build()
    head = made.shas["c3"]
    messages = [commit.message for commit in open_repository(made.path).log([head])]
    assert [message[:6].strip() for message in messages] == ["After", "Large", "Before"]
    assert len(messages[1]) == git_log.MESSAGE_LIMIT
    for files in (False, True):
        with open_repository(made.path)._running_log(git_log.FORMAT, [head], ["--raw"] if files else []) as process:
            longest = max(len(token) for found in git_log.tokens(process.stdout) for token in found)
        assert git_log.MESSAGE_LIMIT < longest < 400_000


def test_empty_repositories_and_detached_heads_have_a_defined_head(tmp_path: Path, small: Builder) -> None:
    """No commit: a branch without a sha. Detached: a sha without a branch."""
    empty = Builder(tmp_path / "empty.git", head="trunk").build()
    refs = open_repository(empty).refs()
    assert (refs.tags, refs.branches, refs.head) == ((), {}, ("trunk", None))
    (small.path / "HEAD").write_text(small.shas["c1"] + "\n")
    assert open_repository(small.path).refs().head == (None, small.shas["c1"])


@pytest.mark.acceptance("ING-H5")
def test_git_is_run_in_one_place_only() -> None:
    """No other module imports GitPython or starts a process, and nobody opens the doors that GitPython keeps shut."""
    for path in PACKAGE.rglob("*.py"):
        # What serves starts the web server, and a template of one's own runs in a Python of its own: neither is git.
        others = (PACKAGE / "cli" / "serve.py", PACKAGE / "formats" / "custom.py")
        inside = path.is_relative_to(PACKAGE / "sources" / "git") or path in others
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.keyword):
                assert node.arg not in {"multi_options", "allow_unsafe_protocols", "allow_unsafe_options"}, path
                assert not (node.arg == "shell" and getattr(node.value, "value", False)), path
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                assert inside or name.split(".")[0] not in {"git", "gitdb", "subprocess"}, f"{path} imports {name}"


def test_git_errors_carry_no_credentials(small: Builder) -> None:
    """What git says of a URL is told without what stands before its host."""
    repository = open_repository(small.path)
    with pytest.raises(Exception, match="git ls-remote failed") as caught:
        run(repository.git_dir, ["ls-remote", "https://user:secret@localhost:1/x"], repository.env)
    assert "secret" not in str(caught.value)
