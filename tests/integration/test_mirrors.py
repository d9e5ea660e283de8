"""Mirrors hold what the other side has, cost no more than allowed, and run nothing that a repository names."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
from dulwich.repo import Repo
from dulwich.server import DictBackend
from dulwich.web import make_wsgi_chain

from release_mgmt.core.errors import InvalidInput, RepositoryRefused, TooLarge, Unavailable
from release_mgmt.services import mirrored
from release_mgmt.sources.addresses import Address, AddressPolicy
from release_mgmt.sources.git import mirrors, open_repository
from release_mgmt.sources.git.mirrors import Limits, fetch_refs, update
from release_mgmt.sources.git.pairs import merge_base, net_change
from tests.conftest import GitRepo
from tests.support.waiting import LIMIT

Serve = Callable[[Any], str]


class Quiet(WSGIRequestHandler):
    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A function that serves a WSGI application on loopback and gives its address."""
    servers: list[WSGIServer] = []

    def start(application: Any) -> str:
        made = make_server("127.0.0.1", 0, application, handler_class=Quiet)
        servers.append(made)
        threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{made.server_port}"

    yield start
    for made in servers:
        made.shutdown()
        made.server_close()


def address(url: str) -> Address:
    return Address("http", url, "127.0.0.1", int(url.split(":")[2].split("/", maxsplit=1)[0]))


def local(repo: GitRepo) -> Address:
    return Address("path", str(repo.path))


def git(folder: Path, *words: str) -> str:
    command = ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", *words]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def refs(path: Path) -> dict[str, str | None]:
    found = open_repository(path).refs()
    return {tag.name: tag.commit for tag in found.tags}


@pytest.mark.acceptance("ING-H4")
def test_a_folder_is_mirrored_bare_without_hooks_and_follows_new_moved_and_deleted_tags(
    git_repo: GitRepo, tmp_path: Path
) -> None:
    first = git_repo.commit("One")
    git_repo.tag("v1")
    git_repo.tag("v2")
    mirror = tmp_path / "mirrors" / "r_1"
    assert update(mirror, local(git_repo), (), None).changed
    assert refs(mirror) == {"v1": first, "v2": first}
    assert not (mirror / "hooks").exists()
    assert "bare = true" in (mirror / "config").read_text()
    assert not update(mirror, local(git_repo), (), None).changed
    second = git_repo.commit("Two")
    git_repo.git("tag", "-f", "v1")
    git_repo.git("tag", "-d", "v2")
    for number in range(10):
        git_repo.tag(f"t{number}")
    assert update(mirror, local(git_repo), (), None).changed
    assert refs(mirror) == {"v1": second} | {f"t{number}": second for number in range(10)}


def test_a_repository_of_sha256_is_mirrored(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for words in (
        ["init", "-q", "--object-format=sha256"],
        ["commit", "-q", "--allow-empty", "-m", "One"],
        ["tag", "v1"],
    ):
        git(source, *words)
    mirror, where = tmp_path / "m", Address("path", str(source))
    assert update(mirror, where, (), None).changed
    assert refs(mirror) == {"v1": git(source, "rev-parse", "HEAD")}
    assert not update(mirror, where, (), None).changed


def test_a_clone_whose_refs_stand_still_is_only_listed(git_repo: GitRepo, tmp_path: Path) -> None:
    """A clone has refs/remotes/origin/HEAD, whose name ends like the HEAD that is asked for."""
    git_repo.commit("One")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(git_repo.path), str(clone))
    update(tmp_path / "m", Address("path", str(clone)), (), None)
    assert not update(tmp_path / "m", Address("path", str(clone)), (), None).changed


def test_grafts_of_a_folder_change_nothing_that_is_read(git_repo: GitRepo, tmp_path: Path) -> None:
    """Git itself hides the parents that a graft takes away, and then cannot send them."""
    git_repo.commit("One")
    second = git_repo.commit("Two")
    info = git_repo.path / ".git" / "info"
    info.mkdir(exist_ok=True)
    (info / "grafts").write_text(f"{second}\n")
    update(tmp_path / "m", local(git_repo), (), None)
    assert len(list(open_repository(tmp_path / "m").log([second]))) == 2


def test_folders_fetched_at_a_time_are_each_trusted_by_a_file_of_their_own(git_repo: GitRepo, tmp_path: Path) -> None:
    git_repo.commit("One")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(git_repo.path), str(clone))
    places = {"one": local(git_repo), "other": Address("path", str(clone))}
    for name, where in places.items():
        update(tmp_path / "mirrors" / name, where, (), None)
    told = [path.read_text() for path in sorted((tmp_path / "mirrors").glob("trusted-*"))]
    assert sorted(sum(where.url in text for where in places.values()) for text in told) == [1, 1]


@pytest.mark.acceptance("ING-H1")
def test_a_folder_that_became_a_link_to_elsewhere_is_judged_anew(git_repo: GitRepo, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "x").symlink_to(git_repo.path)
    policy = AddressPolicy(roots=(root,))
    with pytest.raises(InvalidInput, match="not below a folder"):
        mirrored.address_of(str(root / "x"), policy)
    assert mirrored.address_of(str(git_repo.path), policy).url == str(git_repo.path), "registered by the operator"


@pytest.mark.acceptance("ING-H6")
def test_a_server_that_lists_refs_without_end_is_left(git_repo: GitRepo, tmp_path: Path, monkeypatch: Any) -> None:
    git_repo.commit("One")
    for number in range(200):
        git_repo.tag(f"t{number}")
    monkeypatch.setattr(mirrors, "_LONGEST_LISTING", 5_000)
    with pytest.raises(TooLarge):
        update(tmp_path / "m", local(git_repo), (), None)


def test_a_repository_that_was_renamed_is_told_so(serve: Serve, tmp_path: Path) -> None:
    def moved(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("301 Moved Permanently", [("Location", "/new/name.git/info/refs?service=git-upload-pack")])
        return []

    with pytest.raises(RepositoryRefused) as told:
        update(tmp_path / "m", address(f"{serve(moved)}/old/name.git"), ("127.0.0.1",), None)
    assert told.value.code == "repository_moved"


def test_the_default_branch_is_taken_over_whatever_its_name(git_repo: GitRepo, tmp_path: Path) -> None:
    git_repo.commit("One")
    git_repo.git("branch", "-m", "trunk")
    update(tmp_path / "m", local(git_repo), (), None)
    assert open_repository(tmp_path / "m").refs().head.branch == "trunk"


@pytest.mark.acceptance("ING-H3")
def test_a_hostile_repository_runs_nothing_when_it_is_mirrored(git_repo: GitRepo, tmp_path: Path) -> None:
    """What the source's own configuration and hooks name stays unused."""
    git_repo.commit("One")
    proof = tmp_path / "ran"
    script = tmp_path / "evil.sh"
    script.write_text(f"#!/bin/sh\ntouch {proof}\n")
    script.chmod(0o755)
    for key in ("core.fsmonitor", "core.sshCommand", "uploadpack.packObjectsHook", "core.askPass", "diff.external"):
        git_repo.git("config", key, str(script))
    for hook in ("post-upload-pack", "reference-transaction", "post-checkout"):
        (git_repo.path / ".git" / "hooks").mkdir(exist_ok=True)
        (git_repo.path / ".git" / "hooks" / hook).symlink_to(script)
    update(tmp_path / "m", local(git_repo), (), None)
    mirror = open_repository(tmp_path / "m")
    assert len(list(mirror.log([mirror.resolve("HEAD")]))) == 1
    assert not proof.exists()


@pytest.mark.acceptance("ING-H6")
def test_a_repository_over_a_limit_is_refused_and_leaves_nothing(git_repo: GitRepo, tmp_path: Path) -> None:
    git_repo.commit("Big", {"model.bin": os.urandom(3_000_000)})
    for number in range(12):
        git_repo.tag(f"t{number}")
    mirror = tmp_path / "m"
    with pytest.raises(TooLarge, match="larger"):
        update(mirror, local(git_repo), (), None, Limits(size=1_000_000))
    with pytest.raises(TooLarge, match="branches and tags"):
        update(mirror, local(git_repo), (), None, Limits(refs=10))
    assert not mirror.exists()
    assert not (tmp_path / "m.new").exists()


@pytest.mark.acceptance("ING-H6")
def test_a_server_that_never_answers_is_left_in_time(serve: Serve, tmp_path: Path) -> None:
    stop = threading.Event()

    def silent(_environ: object, start_response: Any) -> list[bytes]:
        stop.wait(LIMIT)
        start_response("503 Late", [])
        return []

    url = serve(silent)
    try:
        with pytest.raises(Unavailable):
            update(tmp_path / "m", address(f"{url}/repo.git"), ("127.0.0.1",), None, Limits(seconds=1))
    finally:
        stop.set()


@pytest.mark.acceptance("ING-H6")
def test_one_fetch_of_a_mirror_at_a_time(git_repo: GitRepo, tmp_path: Path) -> None:
    git_repo.commit("One")
    command = ["flock", "--no-fork", str(tmp_path / "m.lock"), "sh", "-c", "echo held; exec sleep 600"]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    with holder, holder.stdout:
        holder.stdout.readline()
        with pytest.raises(Unavailable, match="fetched already"):
            update(tmp_path / "m", local(git_repo), (), None)
        holder.kill()


def test_a_folder_that_cannot_be_written_is_a_sentence(git_repo: GitRepo, tmp_path: Path) -> None:
    """Where mirrors should be, something else stands."""
    (tmp_path / "mirrors").write_text("no folder")
    with pytest.raises(Unavailable, match=r"^Mirrors cannot be written to .*mirrors: ") as caught:
        update(tmp_path / "mirrors" / "one.git", local(git_repo), (), None)
    assert "writable" in str(caught.value.hint)


def test_a_damaged_mirror_is_made_anew(git_repo: GitRepo, tmp_path: Path) -> None:
    git_repo.commit("One")
    git_repo.tag("v1")
    mirror = tmp_path / "m"
    update(mirror, local(git_repo), (), None)
    for pack in (mirror / "objects").rglob("*"):
        if pack.is_file():
            pack.chmod(0o600)
            pack.write_bytes(b"")
    git_repo.commit("Two")
    git_repo.tag("v2")
    assert update(mirror, local(git_repo), (), None).changed
    assert set(refs(mirror)) == {"v1", "v2"}
    (mirror / "HEAD").unlink()
    git_repo.tag("v3")
    update(mirror, local(git_repo), (), None)
    assert set(refs(mirror)) == {"v1", "v2", "v3"}


@pytest.mark.acceptance("ING-H4")
def test_smart_http_is_mirrored_whole(git_repo: GitRepo, serve: Serve, tmp_path: Path) -> None:
    sha = git_repo.commit("One")
    git_repo.tag("v1", message="first")
    with Repo(str(git_repo.path)) as repository:
        url = serve(make_wsgi_chain(DictBackend({"/repo.git": repository})))
        update(tmp_path / "m", address(f"{url}/repo.git"), ("127.0.0.1",), None)
    assert refs(tmp_path / "m") == {"v1": sha}


@pytest.mark.acceptance("ING-H2")
def test_a_redirect_is_not_followed_and_git_stays_at_the_address_that_was_judged(
    git_repo: GitRepo, serve: Serve, tmp_path: Path
) -> None:
    git_repo.commit("One")
    called = []

    def other(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        called.append(environ["PATH_INFO"])
        start_response("404 Not Found", [])
        return []

    inner = serve(other)

    def redirecting(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        where = f"{inner}{environ['PATH_INFO']}?{environ['QUERY_STRING']}"
        start_response("302 Found", [("Location", where)])
        return []

    with pytest.raises((Unavailable, RepositoryRefused)):
        update(tmp_path / "m", address(f"{serve(redirecting)}/repo.git"), ("127.0.0.1",), None)
    assert called == []
    # A name that resolves elsewhere now: git must connect to the pinned address, where the repository is.
    with Repo(str(git_repo.path)) as repository:
        port = serve(make_wsgi_chain(DictBackend({"/repo.git": repository}))).rsplit(":", 1)[1]
        pinned = Address("http", f"http://rebound.example:{port}/repo.git", "rebound.example", int(port))
        assert update(tmp_path / "n", pinned, ("127.0.0.1",), None).changed


@pytest.mark.acceptance("ING-H7")
def test_a_token_is_in_no_argument_no_url_and_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    arguments: list[str] = []
    real = subprocess.Popen

    def watched(command: list[str], **more: Any) -> Any:
        arguments.extend(command)
        return real(command, **more)

    monkeypatch.setattr("release_mgmt.sources.git.process.subprocess.Popen", watched)
    with pytest.raises((Unavailable, RepositoryRefused)) as told:
        update(
            tmp_path / "m",
            Address("https", "https://127.0.0.1:9/x", "127.0.0.1", 9),
            ("127.0.0.1",),
            "t0p-secret-token",
        )
    seen = " ".join(arguments) + str(told.value) + str(told.value.details) + str(told.value.hint) + caplog.text
    assert "t0p-secret-token" not in seen
    assert "x-access-token" not in seen


def test_what_is_no_repository_is_told_so(tmp_path: Path, serve: Serve) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(RepositoryRefused, match="not a git repository"):
        update(tmp_path / "m", Address("path", str(tmp_path / "empty")), (), None)

    def missing(_environ: object, start_response: Any) -> list[bytes]:
        start_response("404 Not Found", [])
        return []

    with pytest.raises(RepositoryRefused, match="no git repository"):
        update(tmp_path / "m", address(f"{serve(missing)}/x.git"), ("127.0.0.1",), None)


def test_the_heads_of_pull_requests_are_fetched_by_name_and_no_other_ref(git_repo: GitRepo, tmp_path: Path) -> None:
    base = git_repo.commit("One", {"params.yaml": "lr: 0.01\n", "gone.txt": "x\n"})
    update(tmp_path / "m", local(git_repo), (), None)
    git_repo.branch("feature")
    git_repo.commit("Two", {"params.yaml": "lr: 0.02\n", "gone.txt": None})
    git_repo.git("update-ref", "refs/pull/7/head", "HEAD")
    git_repo.switch("main")
    git_repo.commit("On main")
    names = ["refs/pull/7/head", "refs/pull/8/head"]
    assert fetch_refs(tmp_path / "m", local(git_repo), (), None, names) == ("refs/pull/7/head",)
    for hostile in ("refs/heads/main", "refs/pull/7/head:refs/heads/main", "--upload-pack=x", "refs/pull/*/head"):
        with pytest.raises(InvalidInput):
            fetch_refs(tmp_path / "m", local(git_repo), (), None, [hostile])
    update(tmp_path / "m", local(git_repo), (), None)
    mirror = open_repository(tmp_path / "m")
    head = mirror.resolve("refs/pull/7/head")
    assert merge_base(mirror, mirror.resolve("main"), head) == base
    change = net_change(mirror, base, head)
    assert {(one.status, one.path) for one in change.files} == {("M", "params.yaml"), ("D", "gone.txt")}
    assert change.parents == (base,)


@pytest.mark.acceptance("CHG-A7")
def test_a_folder_that_lacks_blobs_is_mirrored_by_its_files(git_repo: GitRepo, tmp_path: Path) -> None:
    """Filtered copies lack blobs; git sends nothing from them, and their history is whole all the same."""
    git_repo.commit("One", {"big.bin": "to be lost\n", "kept.txt": "kept\n"})
    lost = git_repo.git("rev-parse", "HEAD:big.bin")
    (git_repo.path / ".git" / "objects" / lost[:2] / lost[2:]).unlink()
    git_repo.tag("v1")
    mirror = tmp_path / "m"
    assert update(mirror, local(git_repo), (), None).changed
    assert set(refs(mirror)) == {"v1"}
    assert not update(mirror, local(git_repo), (), None).changed
    git_repo.git("commit", "-q", "--allow-empty", "-m", "Two")
    git_repo.tag("v2")
    git_repo.git("tag", "-d", "v1")
    assert update(mirror, local(git_repo), (), None).changed
    assert set(refs(mirror)) == {"v2"}
    opened = open_repository(mirror)
    assert [commit.message for commit in opened.log([opened.resolve("v2")])] == ["Two\n", "One\n"]
    assert opened.missing([lost]) == {lost}


def test_a_shallow_folder_is_refused_with_the_command_that_mends_it(git_repo: GitRepo, tmp_path: Path) -> None:
    for number in range(3):
        git_repo.commit(str(number))
    git_repo.git("clone", "-q", "--depth=1", f"file://{git_repo.path}", str(tmp_path / "shallow"))
    with pytest.raises(RepositoryRefused) as told:
        update(tmp_path / "m", Address("path", str(tmp_path / "shallow")), (), None)
    assert told.value.hint is not None
    assert "fetch --unshallow" in told.value.hint


def test_a_folder_that_borrows_objects_elsewhere_is_not_followed(git_repo: GitRepo, tmp_path: Path) -> None:
    git_repo.commit("One", {"a.txt": "lost\n"})
    lost = git_repo.git("rev-parse", "HEAD:a.txt")
    git_repo.git("clone", "-q", "--shared", str(git_repo.path), str(tmp_path / "borrower"))
    (git_repo.path / ".git" / "objects" / lost[:2] / lost[2:]).unlink()
    with pytest.raises(RepositoryRefused, match="borrows"):
        update(tmp_path / "m", Address("path", str(tmp_path / "borrower")), (), None)
    assert not (tmp_path / "m").exists()
