"""Who may read what is written for which audience."""

from __future__ import annotations

from release_mgmt.core.audience import Audience
from release_mgmt.core.errors import Forbidden, InvalidInput
from release_mgmt.core.permissions import Action, Actor, Role, require

_ROLES = {
    Audience.ENGINEERING: frozenset({Role.ENGINEER, Role.RELEASE_MANAGER, Role.ADMINISTRATOR}),
    Audience.RELEASE_MANAGER: frozenset({Role.RELEASE_MANAGER, Role.ADMINISTRATOR}),
}


def named(name: str) -> Audience:
    """The audience of that name. Raises InvalidInput for any other word."""
    try:
        return Audience(name)
    except ValueError:
        raise InvalidInput.at("audience", "is not known", ", ".join(Audience)) from None


def require_audience(actor: Actor, audience: Audience, action: Action = Action.READ_CHANGELOG) -> None:
    """Return if the actor may do ``action`` and read what is written for this audience."""
    require(actor, action)
    needed = _ROLES.get(audience)
    if needed is not None and not actor.roles & needed:
        raise Forbidden(
            "Your role does not see what this audience sees.",
            hint="Choose the business audience.",
            details={"audience": audience.value},
        )
