"""What a team had before: a CHANGELOG.md, a forge's release texts, a calendar in a file."""

from release_mgmt.sources.adoption.calendars import from_ics
from release_mgmt.sources.adoption.changelogs import keep_a_changelog
from release_mgmt.sources.adoption.document import Adopted
from release_mgmt.sources.adoption.forges import forge_releases
from release_mgmt.sources.adoption.tables import from_csv
from release_mgmt.sources.adoption.texts import OldRelease, OldTexts

__all__ = ["Adopted", "OldRelease", "OldTexts", "forge_releases", "from_csv", "from_ics", "keep_a_changelog"]
