"""A static site of a repository: changelogs for each audience in every form, coming windows, a calendar."""

from release_mgmt.services.site.building import AUDIENCES, STATE, Site, Upcoming, bounded, build
from release_mgmt.services.site.coming import coming, to_place
from release_mgmt.services.site.writing import read_state, write

__all__ = ["AUDIENCES", "STATE", "Site", "Upcoming", "bounded", "build", "coming", "read_state", "to_place", "write"]
