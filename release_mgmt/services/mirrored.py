"""A registered repository as its mirror holds it, and its record with ids that are unique in the installation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

from release_mgmt.core.changelog import Changelog, Entry, Section
from release_mgmt.core.changes import Provider, PullRequest
from release_mgmt.services.history import Request, forge_of
from release_mgmt.sources.addresses import Address, AddressPolicy, parse, resolve
from release_mgmt.sources.git import Repository, open_repository
from release_mgmt.sources.git.mirrors import Fetched, update
from release_mgmt.store.models.repositories import Repository as Row

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Sources:
    """How repositories are reached from here: what may be read, where mirrors are, a token for a host's forge."""

    policy: AddressPolicy
    mirrors: Path
    token: Callable[[str], str | None] = lambda _: None


def mirrors_of(data_folder: Path) -> Path:
    """Where an installation keeps its mirrors."""
    return data_folder / "mirrors"


def mirror_path(sources: Sources, repository_id: str) -> Path:
    """Where the mirror of a repository is."""
    return sources.mirrors / f"{repository_id}.git"


def address_of(location: str, policy: AddressPolicy) -> Address:
    """The address of a registered repository: judged when it was registered, so its own folder counts as a root.

    Unless a link stands on the way by now: then where it leads is judged anew.
    """
    folder = Path(location)
    if "://" not in location and folder.resolve() == folder:
        policy = replace(policy, roots=(*policy.roots, folder))
    return parse(location, policy)


def fetch(sources: Sources, repository_id: str, location: str) -> Fetched:
    """Bring the mirror up to date."""
    address = address_of(location, sources.policy)
    ips: Sequence[str] = resolve(address, sources.policy)
    token = sources.token(address.host) if address.host else None
    return update(mirror_path(sources, repository_id), address, ips, token)


def opened(sources: Sources, repository_id: str) -> Repository:
    """The mirror, open for reading."""
    return open_repository(mirror_path(sources, repository_id))


def change_prefix(repository_id: str) -> str:
    """What the ids of a repository's changes begin with: never changes, whatever the repository is called."""
    return repository_id.removeprefix("r_")[:8]


def request_of(row: Row, pulls: Sequence[PullRequest]) -> Request:
    """Which changelog a repository's settings ask for.

    ``packages`` maps packages to their folders, ``prereleases`` is fold or separate.
    """
    settings = row.settings or {}
    packages = settings.get("packages")
    paths = None
    if isinstance(packages, Mapping):
        paths = {str(name): tuple(str(one) for one in folders) for name, folders in sorted(packages.items())}
    forge: Provider = next((known for known in get_args(Provider) if known == row.provider), "unknown")
    return Request(
        row.name,
        every=True,
        prereleases="separate" if settings.get("prereleases") == "separate" else "fold",
        pulls=tuple(pulls),
        forge=forge if forge != "unknown" else forge_of(row.location),
        paths=paths or None,
        tag_pattern=row.tag_pattern,
    )


def prefixed(found: Changelog, prefix: str) -> Changelog:
    """The record with ids that are unique in the installation."""
    return replace(
        found,
        releases=tuple(section_with(prefix, section) for section in found.releases),
        unreleased=section_with(prefix, found.unreleased),
    )


def section_with(prefix: str, section: Section) -> Section:
    """One section with ids that are unique in the installation."""
    return replace(
        section,
        entries=tuple(entry_with(prefix, entry) for entry in section.entries),
        cancelled=tuple((f"{prefix}-{one}", f"{prefix}-{other}") for one, other in section.cancelled),
    )


def entry_with(prefix: str, entry: Entry) -> Entry:
    """One entry with ids that are unique in the installation."""
    reverts = f"{prefix}-{entry.reverts}" if entry.reverts else None
    return entry._replace(id=f"{prefix}-{entry.id}", reverts=reverts)
