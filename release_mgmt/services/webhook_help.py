"""What to enter at each forge so that its webhooks reach us: facts of each forge's own settings page."""

from __future__ import annotations

from dataclasses import dataclass

from release_mgmt.core.errors import NotFound

NAMES = {
    "github": "GitHub", "gitlab": "GitLab", "gitea": "Gitea, Forgejo", "bitbucket": "Bitbucket Cloud",
    "bitbucket_server": "Bitbucket Data Center", "azure": "Azure DevOps",
}  # fmt: skip
"""What forges call themselves."""
_HELP: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "github": (
        ("Repository or organisation: Settings, Webhooks, Add webhook.", "Content type: application/json.",
         "Keep SSL verification on."),
        ("Pull requests", "Pull request reviews", "Issue comments", "Branch or tag creation", "Branch or tag deletion",
         "Pushes", "Releases", "Repositories"),
    ),
    "gitlab": (
        ("Project or group: Settings, Webhooks, Add new webhook.",
         ("Enter the secret as the signing token; an older GitLab has a secret token only: then also set"
         " RELEASE_MGMT_GITLAB_PLAIN_TOKEN=true."),
         "GitLab switches a hook off after repeated failures: see its recent events."),
        ("Push events", "Tag push events", "Comments", "Merge request events", "Releases events"),
    ),
    "gitea": (
        ("Repository: Settings, Webhooks, Add webhook, Gitea (or Forgejo).", ("HTTP method POST, content type"
         " application/json."),),
        ("Create", "Delete", "Push", "Pull request", "Pull request labelled", "Pull request comment",
         "Pull request review", "Release"),
    ),
    "bitbucket": (
        ("Repository: Repository settings, Webhooks, Add webhook.", ("Deliveries over 256 KB are never sent: polling"
         " finds what they would have told.")),
        ("Repository: Push, Updated", "Pull request: Created, Updated, Approved, Merged, Declined, Comment created"),
    ),
    "bitbucket_server": (
        ("Repository: Repository settings, Webhooks, Create webhook.",),
        ("Repository: Push, Modified", ("Pull request: Opened, Source branch updated, Modified, Approved, Merged,"
         " Declined, Deleted, Comment added")),
    ),
    "azure": (
        ("Project settings, Service hooks, Create subscription, Web Hooks.", ("Azure DevOps signs nothing: enter any"
         " user name and the secret as the password of Basic authentication, and use https only."),
         "Resource details to send: All."),
        ("Code pushed", "Pull request created", "Pull request updated", "Pull request merge attempted",
         "Pull request commented on"),
    ),
}  # fmt: skip


def name_of(provider: str) -> str:
    """``GitHub`` for ``github``; one that is not known goes by its id."""
    return NAMES.get(provider, provider)


@dataclass(frozen=True, slots=True)
class WebhookSetup:
    """What to enter at a forge."""

    provider: str
    address: str
    secret_setting: str
    secret_set: bool
    steps: tuple[str, ...]
    events: tuple[str, ...]


def setup(provider: str, site: str, *, secret_set: bool) -> WebhookSetup:
    """The set-up of one forge's webhook for the installation at ``site``. NotFound for an unknown forge."""
    if provider not in _HELP:
        raise NotFound(f"There is no forge {provider}.")
    steps, events = _HELP[provider]
    setting = f"RELEASE_MGMT_{provider.upper()}_WEBHOOK_SECRET"
    return WebhookSetup(provider, f"{site}/webhooks/{provider}", setting, secret_set, steps, events)
