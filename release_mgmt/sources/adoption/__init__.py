"""What a team had before: a CHANGELOG.md, a forge's release texts, a calendar in a file."""

from release_mgmt.sources.adoption.calendars import Adopted, from_csv, from_ics
from release_mgmt.sources.adoption.changelogs import OldRelease, forge_releases, keep_a_changelog

__all__ = ["Adopted", "OldRelease", "forge_releases", "from_csv", "from_ics", "keep_a_changelog"]
