"""A static site of a repository: changelogs for each audience in every form, coming windows, a calendar."""

from release_mgmt.services.site.building import AUDIENCES, STATE, Site, Upcoming, bounded, build
from release_mgmt.services.site.coming import calendar_for, coming, plan_of, to_place
from release_mgmt.services.site.writing import read_state, write

__all__ = [
    "AUDIENCES",
    "STATE",
    "Site",
    "Upcoming",
    "bounded",
    "build",
    "calendar_for",
    "coming",
    "plan_of",
    "read_state",
    "to_place",
    "write",
]
