"""What the business may not see is taken out of the record, and with it all that tells of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from release_mgmt.core.audience import Annotation, Audience, for_audience, is_internal
from release_mgmt.core.changelog import Accounting, Changelog
from tests.unit.publishing.samples import annotations, entry, record, section

INTERNAL = {"secret": Annotation(internal=True), "open": Annotation()}


def _business(made: Changelog, *known: object) -> Changelog:
    return for_audience(made, Audience.BUSINESS, *known)  # type: ignore[arg-type]


@pytest.mark.parametrize("label", ["internal", " Internal ", "audience: internal", "AUDIENCE/Internal"])
def test_a_label_of_any_case_and_spacing_makes_a_change_internal(label):
    assert is_internal(["bug", label])
    assert not is_internal(["bug", f"not {label}"])


@pytest.mark.acceptance("CHG-D4")
def test_the_counts_are_of_what_is_shown():
    shown = entry("open", "Seen", commits=("a" * 40, "b" * 40, "c" * 40))
    made = replace(record(), releases=(section("1.0", (shown, entry("secret", "Unseen"))),))
    [kept] = _business(made, INTERNAL).releases
    assert [one.id for one in kept.entries] == ["open"]
    assert kept.accounting == Accounting(commits=3, shown=1, folded=2, cancelled=0, already_shipped=0, excluded=0)


@pytest.mark.acceptance("CHG-D4")
def test_nobody_and_nothing_that_was_cancelled_is_told_of():
    made = _business(record(), annotations())
    assert made.diagnostics == ()
    for one in made.releases:
        assert (one.cancelled, one.first_time_contributors) == ((), ())
        assert not [each for each in one.entries if each.authors]


@pytest.mark.acceptance("CHG-D4")
def test_a_revert_names_only_what_may_be_seen():
    entries = (entry("r1", "Reverted: Unseen", reverts="secret"), entry("r2", "Reverted: Seen", reverts="open"))
    made = replace(record(), releases=(section("1.1", entries),))
    assert [one.reverts for one in _business(made, INTERNAL).releases[0].entries] == [None, "open"]


@pytest.mark.acceptance("CHG-D4")
def test_a_release_with_annotations_of_its_own_goes_by_these_and_names_nothing_that_is_internal_in_any():
    one, back = entry("one", "One"), entry("back", "Reverted: One", reverts="one")
    made = replace(
        record(),
        releases=(
            section("2.0", (one, back)),
            section("1.0", (one, back), package="lib"),
            section("1.0", (one, back)),
        ),
        unreleased=section(None, (one, back)),
    )
    own = {("lib", "1.0"): {"one": Annotation(internal=True)}, ("", "2.0"): {"back": Annotation(internal=True)}}
    seen = _business(made, {}, own)
    assert [[each.id for each in one.entries] for one in (*seen.releases, seen.unreleased)] == [
        ["one"],
        ["back"],
        ["one", "back"],
        ["one", "back"],
    ]
    assert {each.reverts for one in seen.releases for each in one.entries} == {None}


def test_others_read_the_record_as_it_is():
    for audience in (Audience.ENGINEERING, Audience.RELEASE_MANAGER):
        assert for_audience(record(), audience, annotations()) == record()
