"""A delivery counts only when its raw bytes are signed by the secret that the forge and we share."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release_mgmt.core.errors import InvalidInput, Unauthenticated
from release_mgmt.sources.forge.signatures import WebhookSecret, sender, verify

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECRET = WebhookSecret("It's a Secret to Everybody")
BODY = b"Hello, World!"
# The example of GitHub's documentation, "Validating webhook deliveries".
DOCUMENTED = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"


def refused(provider: str, headers: dict[str, str], body: bytes = BODY, secret: WebhookSecret | None = SECRET) -> bool:
    try:
        verify(provider, headers, body, secret, NOW)  # type: ignore[arg-type]
    except Unauthenticated:
        return True
    return False


@pytest.mark.acceptance("ING-2")
def test_the_documented_vector_verifies() -> None:
    assert not refused("github", {"X-Hub-Signature-256": DOCUMENTED})


@pytest.mark.acceptance("ING-2")
@given(position=st.integers(0, len(BODY) - 1), flip=st.integers(1, 255))
def test_one_flipped_byte_is_refused(position: int, flip: int) -> None:
    changed = bytearray(BODY)
    changed[position] ^= flip
    assert refused("github", {"X-Hub-Signature-256": DOCUMENTED}, bytes(changed))


@pytest.mark.acceptance("ING-2")
def test_what_is_not_the_one_right_header_is_refused() -> None:
    sha1 = hmac.new(SECRET.value.encode(), BODY, hashlib.sha1).hexdigest()
    assert refused("github", {})
    assert refused("github", {"X-Hub-Signature": f"sha1={sha1}"})
    assert refused("github", {"X-Hub-Signature-256": DOCUMENTED.removeprefix("sha256=")})
    assert refused("github", {"X-Hub-Signature-256": ""})
    assert refused("github", {"X-Hub-Signature-256": DOCUMENTED}, secret=None)


@pytest.mark.acceptance("ING-2")
def test_an_empty_secret_is_refused_when_it_is_set() -> None:
    with pytest.raises(InvalidInput, match="missing or too short"):
        WebhookSecret("")


@pytest.mark.acceptance("ING-3")
@pytest.mark.parametrize("provider", ["github", "gitlab", "gitea", "bitbucket", "bitbucket_server", "azure"])
@pytest.mark.parametrize("value", ["sha256=é", "ü", "\udcff", "\x00", "Basic é", "v1,é"])
def test_a_header_that_is_not_ascii_is_refused_and_never_an_error(provider: str, value: str) -> None:
    names = [
        "X-Hub-Signature-256", "X-Hub-Signature", "X-Gitea-Signature", "X-Gitlab-Token", "Authorization",
        "webhook-signature",
    ]  # fmt: skip
    headers = dict.fromkeys(names, value) | {"webhook-id": value, "webhook-timestamp": "1"}
    assert refused(provider, headers, secret=WebhookSecret("long enough", plain_token=True))


def standard(secret: bytes, at: datetime, body: bytes = BODY, delivery: str = "msg_1") -> dict[str, str]:
    stamp = str(int(at.timestamp()))
    mac = hmac.new(secret, f"{delivery}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": delivery,
        "webhook-timestamp": stamp,
        "webhook-signature": "v1," + base64.b64encode(mac).decode(),
    }


@pytest.mark.acceptance("ING-4")
def test_gitlab_signing_holds_for_five_minutes_either_way() -> None:
    key = b"0123456789abcdef"
    secret = WebhookSecret("whsec_" + base64.b64encode(key).decode())
    for minutes, wanted in [(0, False), (4, False), (-4, False), (6, True), (-6, True)]:
        headers = standard(key, NOW + timedelta(minutes=minutes))
        assert refused("gitlab", headers, secret=secret) is wanted
    assert refused("gitlab", standard(key, NOW) | {"webhook-id": "msg_2"}, secret=secret)
    assert refused("gitlab", standard(key, NOW), b"other body", secret=secret)


@pytest.mark.acceptance("ING-4")
@pytest.mark.parametrize("stamp", ["", "-1", "1.5", "\u0661", "9" * 400, " 1", "1e9"])
def test_a_time_that_is_none_is_refused_and_never_an_error(stamp: str) -> None:
    mac = hmac.new(SECRET.value.encode(), f"msg_1.{stamp}.".encode() + BODY, hashlib.sha256).digest()
    signed = {"webhook-id": "msg_1", "webhook-signature": "v1," + base64.b64encode(mac).decode()}
    assert refused("gitlab", signed | {"webhook-timestamp": stamp})


@pytest.mark.acceptance("ING-4")
def test_a_delivery_without_an_id_is_refused() -> None:
    """Without one, the same delivery could come again and again."""
    assert refused("gitlab", standard(SECRET.value.encode(), NOW, delivery=""))
    assert not refused("gitlab", standard(SECRET.value.encode(), NOW))


@pytest.mark.acceptance("ING-4")
def test_gitlab_may_send_several_signatures_while_a_secret_changes() -> None:
    plain = WebhookSecret("a plain secret")
    headers = standard(b"a plain secret", NOW)
    headers["webhook-signature"] = "v1,AAAA " + headers["webhook-signature"]
    assert not refused("gitlab", headers, secret=plain)


@pytest.mark.acceptance("ING-4")
def test_gitlabs_plain_token_counts_only_when_it_is_allowed() -> None:
    headers = {"X-Gitlab-Token": "a plain secret"}
    assert refused("gitlab", headers, secret=WebhookSecret("a plain secret"))
    allowed = WebhookSecret("a plain secret", plain_token=True)
    assert not refused("gitlab", headers, secret=allowed)
    for wrong in ({}, {"X-Gitlab-Token": ""}, {"X-Gitlab-Token": "another secret"}):
        assert refused("gitlab", wrong, secret=allowed)


@pytest.mark.acceptance("ING-2")
def test_the_other_forges_verify_in_their_own_form() -> None:
    digest = hmac.new(SECRET.value.encode(), BODY, hashlib.sha256).hexdigest()
    assert not refused("gitea", {"X-Gitea-Signature": digest})
    assert not refused("gitea", {"X-Forgejo-Signature": digest})
    assert refused("gitea", {"X-Gitea-Signature": f"sha256={digest}"})
    assert not refused("bitbucket", {"X-Hub-Signature": f"sha256={digest}"})
    assert refused("bitbucket", {"X-Hook-UUID": "{known}"})
    basic = base64.b64encode(b"hook:" + SECRET.value.encode()).decode()
    assert not refused("azure", {"Authorization": f"Basic {basic}"})
    assert refused("azure", {"Authorization": f"Bearer {basic}"})
    for wrong in (b"hook:another secret", b"hook:", b"hook", SECRET.value.encode(), SECRET.value.encode() + b":"):
        assert refused("azure", {"Authorization": f"Basic {base64.b64encode(wrong).decode()}"})
    assert refused("azure", {"Authorization": "Basic no base64"})
    assert refused("azure", {})


def test_gitea_is_recognised_before_github() -> None:
    assert sender({"X-GitHub-Event": "push", "X-Gitea-Event": "push"}) == "gitea"
    assert sender({"X-GitHub-Event": "push", "X-Forgejo-Delivery": "1"}) == "gitea"
    assert sender({"X-GitHub-Event": "push"}) == "github"
    assert sender({"X-Gitlab-Event": "Push Hook"}) == sender({"X-Gitlab-Token": "1"}) == "gitlab"
    assert sender({"X-Event-Key": "pr:merged", "X-Request-Id": "1"}) == "bitbucket_server"
    assert sender({"X-Event-Key": "repo:push", "X-Hook-UUID": "1"}) == "bitbucket"
    assert sender({}) is None


def test_a_secret_does_not_show_in_its_own_text() -> None:
    assert "Everybody" not in repr(SECRET)
