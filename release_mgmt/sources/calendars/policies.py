"""The policy part of a calendar document."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from release_mgmt.core.windows import ApprovalPolicy, ApprovalRule, Capacity, Default, Notice, Policy, Promotion
from release_mgmt.sources.calendars.fields import Fields, duration

POLICY_KEYS = (
    "notice", "capacity", "approvals", "default", "unscheduled", "minor_lane", "content_cut_off", "promotions",
    "needs_accepted",
)  # fmt: skip
CALENDAR_WIDE = ("unscheduled",)
"""Those that no series can have: they speak of what no series serves."""
_MOST_DAYS = 260


def read_policy(fields: Fields, base: Policy | None) -> Policy:
    """The policy of those fields; what they do not set is as in ``base`` (a Policy, or None for the defaults)."""
    policy = base or Policy()
    minor, major = _notice(fields, policy)
    return replace(
        policy,
        minor_notice=minor,
        major_notice=major,
        capacity=_capacity(fields, policy.capacity),
        approvals=_approvals(fields, policy.approvals),
        default=_default(fields, "default", policy.default),
        unscheduled=_default(fields, "unscheduled", "closed") if fields.has("unscheduled") else policy.unscheduled,
        minor_lane=fields.part("minor_lane", ("approved_in_advance",)).flag("approved_in_advance", policy.minor_lane),
        content_cut_off=read_notice(fields, "content_cut_off", policy.content_cut_off),
        promotions=_promotions(fields) if fields.has("promotions") else policy.promotions,
        needs_accepted=fields.flag("needs_accepted", policy.needs_accepted),
    )


def _default(fields: Fields, key: str, base: Default) -> Default:
    return "open" if fields.choice(key, ("open", "closed"), base) == "open" else "closed"


def _notice(fields: Fields, policy: Policy) -> tuple[Notice, Notice]:
    if isinstance(fields.data.get("notice"), int | str):
        both = read_notice(fields, "notice", policy.minor_notice) or policy.minor_notice
        return both, both
    part = fields.part("notice", ("minor", "major"))
    return (
        read_notice(part, "minor", policy.minor_notice) or policy.minor_notice,
        read_notice(part, "major", policy.major_notice) or policy.major_notice,
    )


def read_notice(fields: Fields, key: str, default: Notice | None) -> Notice | None:
    """A notice: a number of business days, or an ISO 8601 duration of elapsed time."""
    value = fields.data.get(key)
    if value is None:
        return default
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_DAYS:
        return Notice(value)
    elapsed = duration(value) if isinstance(value, str) else None
    if elapsed is None or elapsed > timedelta(days=400):
        fields.fault(key, "is not a notice", f"business days (0 to {_MOST_DAYS}) or elapsed time such as PT24H")
        return default
    return Notice(0, elapsed)


def _capacity(fields: Fields, base: Capacity) -> Capacity:
    part = fields.part("capacity", ("points", "minor", "major", "most_major"))
    found = Capacity(
        points=part.number("points", base.points, 0, 1_000_000),
        minor=part.number("minor", base.minor, 0, 1_000_000) or 0,
        major=part.number("major", base.major, 0, 1_000_000) or 0,
        most_major=part.number("most_major", base.most_major, 0, 1_000_000),
    )
    for key, cost in (("minor", found.minor), ("major", found.major)):
        if part.has(key) and found.points and cost > found.points:  # with none at all only a person places there
            part.fault(key, f"is more than the {found.points} points of a whole window", f"at most {found.points}")
    return found


def _approvals(fields: Fields, base: ApprovalPolicy) -> ApprovalPolicy:
    part = fields.part("approvals", ("minor", "major", "expire_days"))

    def rule(key: str, base: ApprovalRule) -> ApprovalRule:
        own = part.part(key, ("release_managers", "each_affected_team"))
        return ApprovalRule(
            release_managers=own.number("release_managers", base.release_managers, 0, 50) or 0,
            each_affected_team=own.flag("each_affected_team", base.each_affected_team),
        )

    return ApprovalPolicy(
        minor=rule("minor", base.minor),
        major=rule("major", base.major),
        expire_days=part.number("expire_days", base.expire_days, 1, 3650),
    )


def _promotions(fields: Fields) -> tuple[Promotion, ...]:
    found: list[Promotion] = []
    for part in fields.parts("promotions", ("environment", "after", "soak")):
        rule = Promotion(
            environment=part.text("environment", required=True, limit=64),
            after=part.text("after", required=True, limit=64),
            soak=part.duration("soak") or timedelta(0),
        )
        if rule.environment == rule.after:
            part.fault("after", "is the environment itself", "the environment before it")
        found.append(rule)
    return tuple(found)
