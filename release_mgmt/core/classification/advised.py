"""A verdict with what is known of the libraries it brings: advisories and the day of each release."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from release_mgmt.core.classification.model import Classification, Level
from release_mgmt.core.evidence.advisories import Advisories
from release_mgmt.core.evidence.dependencies import ecosystem_of
from release_mgmt.core.evidence.model import Evidence

RULE = "known-advisory"


def advise(verdict: Classification, advisories: Advisories) -> Classification:
    """``verdict`` with a piece of evidence for each advisory on a library at the version it now has, and for the day
    on which that version was released. An advisory asks for review; the level stays.

    Kept apart from the verdict itself: advisories come out later than changes, verdicts are kept.
    """
    found = [told for one in verdict.evidence if one.new for told in _told(one, advisories)]
    if not found:
        return verdict
    known = any(one.kind == "advisory" for one in found)
    return replace(verdict, evidence=(*verdict.evidence, *found), needs_review=verdict.needs_review or known)


def _told(one: Evidence, advisories: Advisories) -> Iterator[Evidence]:
    ecosystem = ecosystem_of(one.path) if one.kind == "dependency" else None
    if ecosystem is None or one.new is None:
        return
    for advisory in advisories.known(ecosystem, one.subject, one.new):
        names = ", ".join((advisory.id, *advisory.aliases[:2]))
        what = f"{names}: {advisory.summary}" + (f" (mended in {advisory.fixed})" if advisory.fixed else "")
        yield Evidence("advisory", one.path, one.line, one.subject, one.new, what[:400], Level.MINOR.value, RULE)
    released = advisories.released_on(ecosystem, one.subject, one.new)
    if released is not None:
        day = f"released {released.date().isoformat()}"
        yield Evidence("release", one.path, one.line, one.subject, one.new, day, Level.MINOR.value, "release-day")
