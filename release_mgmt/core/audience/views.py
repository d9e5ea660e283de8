"""Writes one record for one audience."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from release_mgmt.core.audience.findings import evidence_of, metrics_of, tweaks_of
from release_mgmt.core.audience.isolation import OwnAnnotations, for_audience
from release_mgmt.core.audience.model import (
    DETAIL_LIMIT,
    NAME_LIMIT,
    TEXT_LIMIT,
    TITLE_LIMIT,
    Annotation,
    Audience,
    ChangelogView,
    EntryView,
    Move,
    Newcomer,
    Note,
    Promise,
    Say,
    SectionView,
)
from release_mgmt.core.audience.plain import anchor, effect, plain_title, state_word
from release_mgmt.core.changelog import Changelog, Entry, Section
from release_mgmt.core.text import clean, one_line


def view(
    record: Changelog,
    audience: Audience,
    say: Say,
    annotations: Mapping[str, Annotation] | None = None,
    *,
    own: OwnAnnotations | None = None,
    yanked: Mapping[tuple[str, str], str] | None = None,
    contributors: bool = True,
) -> ChangelogView:
    """The record as one audience reads it, in the language of ``say``.

    ``own`` are annotations of single releases, in place of ``annotations``; ``yanked`` gives the reason by (package,
    version), an empty package for none; ``contributors`` False leaves first-time contributors out.
    """
    notes = annotations or {}
    shown = for_audience(record, audience, notes, own)
    titles = {entry.id: entry for section in (*shown.releases, shown.unreleased) for entry in section.entries}
    writer = _Writer(audience, say, notes, titles, yanked or {}, contributors)
    sections = []
    for section in shown.releases:
        mine = own.get((section.package or "", section.version or "")) if own else None
        sections.append((writer if mine is None else replace(writer, notes=mine, made={})).section(section))
    if shown.unreleased.entries or shown.unreleased.sha:
        sections.insert(0, writer.section(shown.unreleased))
    name = one_line(shown.repository, TITLE_LIMIT)
    return ChangelogView(
        name, audience, say.language, say("Changelog of {name}", name=name), _intro(audience, say), tuple(sections)
    )


def _intro(audience: Audience, say: Say) -> str:
    return {
        Audience.BUSINESS: say("What changes for you, when, and who answers for it."),
        Audience.ENGINEERING: say("Every change with its pull request, authors and evidence."),
        Audience.RELEASE_MANAGER: say("Every change with its level, risk and approvals."),
    }[audience]


def _newcomers(section: Section, entries: Sequence[EntryView]) -> tuple[Newcomer, ...]:
    """First-time contributors with the earliest of their pull requests; ``entries`` come newest first."""
    first = {name: entry for entry in entries if entry.pull_request for name in entry.authors}
    names = [one_line(name, NAME_LIMIT) for name in section.first_time_contributors]
    return tuple(Newcomer(name, first.get(name)) for name in names)


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes the views of one changelog for one audience."""

    audience: Audience
    say: Say
    notes: Mapping[str, Annotation]
    entries: Mapping[str, Entry]
    yanked: Mapping[tuple[str, str], str]
    contributors: bool
    made: dict[int, EntryView] = field(default_factory=dict)

    def section(self, section: Section) -> SectionView:
        reason = self.yanked.get((section.package or "", section.version)) if section.version is not None else None
        say, business = self.say, self.audience is Audience.BUSINESS
        version = one_line(section.version, NAME_LIMIT) if section.version is not None else None
        package = one_line(section.package, NAME_LIMIT) if section.package else None
        name = " ".join(part for part in (package, version) if part)
        entries = tuple(map(self.shared, section.entries))
        cancelled = len(section.cancelled)
        return SectionView(
            version=version,
            package=package,
            title=name if version is not None else say("Coming up") if business else say("Unreleased"),
            anchor=anchor(
                "release", "/".join(filter(None, (package, version))) if version is not None else "unreleased"
            ),
            date=section.date,
            tag=one_line(section.tag, 200) if section.tag else None,
            previous_tag=_left_of(section.range),
            sha=section.sha,
            range=one_line(section.range, 400) if section.range else None,
            prerelease=section.prerelease,
            yanked=clean(reason, 400) if reason is not None else None,
            summary=self.summary(entries),
            entries=entries,
            contributors=() if business or not self.contributors else _newcomers(section, entries),
            libraries=() if business else self.libraries(section),
            audience=self.audience,
            cancelled=say.many(
                "{count} change was made and taken back before the release.",
                "{count} changes were made and taken back before the release.",
                cancelled,
            )
            if cancelled and not business
            else None,
        )

    def summary(self, entries: tuple[EntryView, ...]) -> str:
        """The answer first: how many changes, and which are major."""
        say = self.say
        if not entries:
            return say("No changes to tell of.")
        majors = [entry for entry in entries if entry.level == "major"]
        count = say.many("{count} change.", "{count} changes.", len(entries))
        if not majors:
            known = any(entry.level for entry in entries)
            return f"{count} {say('None is major.')}" if known else count
        if len(majors) == 1:
            return f"{count} {say('One is major: {title}', title=majors[0].title)}"
        return f"{count} {say.many('{count} is major.', '{count} are major.', len(majors))}"

    def shared(self, entry: Entry) -> EntryView:
        """The view of an entry, made once: in a monorepo the same one stands in the releases of many packages."""
        found = self.made.get(id(entry))
        if found is None:
            found = self.made[id(entry)] = self.entry(entry)
        return found

    def entry(self, entry: Entry) -> EntryView:
        say, note = self.say, self.notes.get(entry.id, Annotation())
        business = self.audience is Audience.BUSINESS
        state = note.state or entry.state
        title = plain_title(entry.title) if business else one_line(entry.title, TITLE_LIMIT)
        classification = note.classification
        level = classification.level.value if classification else entry.level
        kind = classification.kind if classification else entry.kind
        ref = entry.pull_request
        engineering = not business
        tweaks, more_tweaks = tweaks_of(note, business)
        evidence, more_evidence = evidence_of(note)
        left = more_tweaks + (more_evidence if engineering else 0)
        return EntryView(
            id=entry.id,
            anchor=anchor("change", entry.id),
            title=title or say("(no title)"),
            level=level,
            level_word=say("Major") if level == "major" else say("Minor") if level == "minor" else "",
            breaking=kind == "breaking_change",
            state=state,
            state_word=state_word(state, say),
            marks=self.marks(entry),
            summary=self.business_lines(entry, note, level, kind) if business else self.manager_lines(note),
            note=self.words_of_a_person(note),
            tweaks=tweaks,
            metrics=metrics_of(note),
            details=tuple(one_line(line, DETAIL_LIMIT) for line in entry.details) if engineering else (),
            facts=self.facts(note, kind),
            pull_request=(f"!{ref.number}" if ref.provider == "gitlab" else f"#{ref.number}")
            if ref and engineering
            else None,
            number=ref.number if ref and engineering else None,
            provider=ref.provider if ref and engineering else None,
            authors=tuple(one_line(name, NAME_LIMIT) for name in entry.authors) if engineering else (),
            commits=entry.commits if engineering else (),
            evidence=evidence if engineering else (),
            left_out=say.many("and {count} more", "and {count} more", left) if left else None,
            teams=tuple(one_line(team, NAME_LIMIT) for team in note.teams),
            window=note.window,
        )

    def marks(self, entry: Entry) -> tuple[str, ...]:
        say, found = self.say, []
        if entry.reverts:
            target = self.entries.get(entry.reverts)
            if target is not None:
                shown = (
                    plain_title(target.title)
                    if self.audience is Audience.BUSINESS
                    else one_line(target.title, TITLE_LIMIT)
                )
                found.append(say("Takes back: {title}", title=shown))
            else:
                found.append(say("Takes back an earlier change"))
        if entry.also_in:
            found.append(say("Also in {versions}", versions=", ".join(one_line(v, 80) for v in entry.also_in)))
        if entry.first_in:
            found.append(say("First in {version}", version=one_line(entry.first_in, 80)))
        return tuple(found)

    def words_of_a_person(self, note: Annotation) -> Note | None:
        return self.chosen(note.notes)

    def chosen(self, texts: Mapping[str, str]) -> Note | None:
        """Of one text in several languages, the reader's; else English; else whichever there is, marked."""
        if not texts:
            return None
        for language in (self.say.language, self.say.language.split("-")[0], ""):
            if texts.get(language):
                return Note(clean(texts[language], TEXT_LIMIT))
        language = "en" if texts.get("en") else min(texts)
        return Note(clean(texts[language], TEXT_LIMIT), language)

    def business_lines(self, entry: Entry, note: Annotation, level: str | None, kind: str | None) -> tuple[str, ...]:
        say, lines = self.say, []
        if not note.notes and kind is not None and (kind == "revert" or not entry.reverts):
            new = note.classification.new_libraries if note.classification else ()
            lines.append(effect(kind, [library.name for library in new], say))
        lines += [line for promise in note.promises for line in self.promised(promise)]
        if action := self.chosen(note.actions):
            mark = f" ({say('in {language}', language=action.language)})" if action.language else ""
            lines.append(say("What you must do: {action}", action=one_line(action.text, DETAIL_LIMIT)) + mark)
        elif level == "major":
            lines.append(say("If you build on it, speak with the person who answers for it before the date."))
        elif level == "minor":
            lines.append(say("You need not do anything."))
        if note.owner:
            lines.append(say("{owner} answers for it.", owner=one_line(note.owner, NAME_LIMIT)))
        return tuple(lines)

    def promised(self, promise: Promise) -> tuple[str, ...]:
        """What was promised, and what was measured since."""
        say, metric = self.say, one_line(promise.metric, NAME_LIMIT)
        old, new = (one_line(one or "?", 80) for one in (promise.old, promise.new))
        told = say("Promised by “{request}”: {metric} from {old} to {new}.", request=one_line(promise.request, 200),
                   metric=metric, old=old, new=new)  # fmt: skip
        if promise.measured is None:
            return (told, say("Not measured yet."))
        return (told, say("Measured: {metric} {value}.", metric=metric, value=one_line(promise.measured, 80)))

    def manager_lines(self, note: Annotation) -> tuple[str, ...]:
        if self.audience is not Audience.RELEASE_MANAGER:
            return ()
        return tuple(one_line(line, DETAIL_LIMIT) for line in (*note.risk, *note.approvals, *note.missing, *note.moves))

    def facts(self, note: Annotation, kind: str | None) -> tuple[tuple[str, str], ...]:
        if self.audience is Audience.BUSINESS:
            return ()
        say, found = self.say, []
        verdict = note.classification
        if kind:
            found.append((say("Kind"), one_line(kind, 80)))
        if verdict:
            found.append((say("Rule"), one_line(verdict.rule, NAME_LIMIT)))
            if verdict.needs_review:
                found.append((say("Review"), say("A release manager should look at it")))
        if note.owner:
            found.append((say("Owner"), one_line(note.owner, NAME_LIMIT)))
        return tuple(found)

    def libraries(self, section: Section) -> tuple[Move, ...]:
        """The libraries that the release brings, one row each however many changes touched it."""
        rows: dict[tuple[str, str], Move] = {}
        for entry in reversed(section.entries):  # oldest first, so that several hops collapse to first old and last new
            verdict = self.notes.get(entry.id, Annotation()).classification
            if verdict is None:
                continue
            for library in verdict.new_libraries:
                key = (library.ecosystem, library.name)
                rows.setdefault(
                    key,
                    Move(
                        one_line(library.name, NAME_LIMIT),
                        None,
                        one_line(library.ecosystem, 40),
                        one_line(library.path, 300),
                    ),
                )
        return tuple(rows[key] for key in sorted(rows))


def _left_of(span: str | None) -> str | None:
    return one_line(span.split("..", 1)[0], 200) or None if span and ".." in span else None
