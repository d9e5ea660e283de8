"""What a team had before: a CHANGELOG.md, a forge's release texts, a calendar in a file."""

from release_mgmt.sources.adoption.calendars import from_ics
from release_mgmt.sources.adoption.changelogs import OldRelease, forge_releases, keep_a_changelog
from release_mgmt.sources.adoption.document import Adopted
from release_mgmt.sources.adoption.tables import from_csv

__all__ = ["Adopted", "OldRelease", "forge_releases", "from_csv", "from_ics", "keep_a_changelog"]
