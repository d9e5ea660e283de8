"""From evidence to a level with its reasons.

``classify(change, before, rules)`` is the whole of it: ``change`` is what differs, ``before`` the state of the parent
tree, ``rules`` the policy. Nothing here reads a repository; see ``services.classify`` for that.
"""

from release_mgmt.core.classification.change import ChangedFile, ChangeInput
from release_mgmt.core.classification.fact import Fact
from release_mgmt.core.classification.libraries import follow
from release_mgmt.core.classification.model import Classification, Level, NewLibrary
from release_mgmt.core.classification.rules import Rule, Rules, load_rules
from release_mgmt.core.classification.tree import Blob, Tree, included_blob, wanted
from release_mgmt.core.classification.verdict import classify, judge, observe, pair_facts, read_blob

__all__ = [
    "Blob",
    "ChangeInput",
    "ChangedFile",
    "Classification",
    "Fact",
    "Level",
    "NewLibrary",
    "Rule",
    "Rules",
    "Tree",
    "classify",
    "follow",
    "included_blob",
    "judge",
    "load_rules",
    "observe",
    "pair_facts",
    "read_blob",
    "wanted",
]
