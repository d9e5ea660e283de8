"""The commit graph as values, and how it falls into releases: in linear time, whatever the dates say."""

from release_mgmt.core.history.commits import Commit, FileChange
from release_mgmt.core.history.graph import Graph
from release_mgmt.core.history.releases import Release, Releases, TagAt, assign

__all__ = ["Commit", "FileChange", "Graph", "Release", "Releases", "TagAt", "assign"]
