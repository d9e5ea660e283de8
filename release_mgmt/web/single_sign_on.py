"""Single sign-on by OpenID Connect: authorization code with PKCE (RFC 7636), state and nonce, through Authlib."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests
import structlog
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.flask_client import OAuth
from flask import Flask, redirect, request, session
from joserfc.errors import JoseError, MissingClaimError
from werkzeug.wrappers import Response

from release_mgmt import resources
from release_mgmt.core.errors import NotFound, Unauthenticated, Unavailable
from release_mgmt.core.permissions import Action
from release_mgmt.services import federation
from release_mgmt.settings import Settings
from release_mgmt.web import auth
from release_mgmt.web.auth import needs, safe_next
from release_mgmt.web.context import EXTENSION, context

log = structlog.get_logger(__name__)

START, BACK = "/sign-in/single", "/sign-in/single/callback"
_NEXT = "next_after_sign_in"
_OAUTH = "release_mgmt.oauth"
_ALGORITHMS = "id_token_signing_alg_values_supported"
_PUBLIC = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})


def register(app: Flask) -> None:
    """Offer single sign-on when the settings name a provider."""
    app.add_url_rule(START, "single_sign_on", start)
    app.add_url_rule(BACK, "single_sign_on_back", back)
    settings: Settings = app.extensions[EXTENSION].settings
    if not settings.oidc_issuer:
        return
    federation.group_map(settings.oidc_groups, settings.oidc_default_role)  # wrong settings are told at the start
    oauth = OAuth(app)
    oauth.register(
        "provider",
        server_metadata_url=settings.oidc_issuer.rstrip("/") + "/.well-known/openid-configuration",
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret or None,
        client_kwargs={
            "scope": settings.oidc_scopes,
            "code_challenge_method": "S256",
            "timeout": 10,
            "verify": resources.authorities() or True,
        },
    )
    app.extensions[_OAUTH] = oauth


def _provider() -> Any:
    from flask import current_app

    oauth = current_app.extensions.get(_OAUTH)
    if oauth is None:
        raise NotFound("Single sign-on is not set up here.")
    return oauth.provider


@needs(Action.SIGN_IN)
def start() -> Response:
    """Send the browser to the provider."""
    provider = _provider()
    session[_NEXT] = safe_next(request.args.get("next"))
    try:
        answer: Response = provider.authorize_redirect(context.settings.site + BACK)
    except (AuthlibBaseError, requests.RequestException) as error:
        raise _unavailable(error) from error
    return answer


@needs(Action.SIGN_IN)
def back() -> Response:
    """The browser comes back with a code: exchange it, check the id token, sign in."""
    provider, settings = _provider(), context.settings
    target = safe_next(session.get(_NEXT))
    try:
        _sign_as_public_keys_do(provider)
        token: Mapping[str, Any] = provider.authorize_access_token(claims_options=_expected(settings))
        claims: dict[str, object] = dict(token.get("userinfo") or {})
        if not claims:
            raise MissingClaimError("sub")  # there was no id token
        if settings.oidc_groups_claim not in claims:  # many providers put groups into the userinfo answer only
            told = dict(provider.userinfo(token=token))
            if told.get("sub") == claims.get("sub"):
                claims = {**told, **claims}
    except (AuthlibBaseError, JoseError) as error:
        log.warning("single sign-on refused", error=type(error).__name__)
        raise Unauthenticated(
            "The sign-in was not completed.", code="single_sign_on_failed", hint="Start again from the sign-in page."
        ) from error
    except requests.RequestException as error:
        raise _unavailable(error) from error
    done = federation.sign_in(
        context.store, context.now, issuer=settings.oidc_issuer, claims=claims,
        groups=federation.groups_in(claims, settings.oidc_groups_claim),
        mapping=federation.group_map(settings.oidc_groups, settings.oidc_default_role), limits=auth.limits(settings),
        origin=request.remote_addr, agent=request.user_agent.string or None,
    )  # fmt: skip
    answer = redirect(target, 303)
    auth.remember(answer, done)
    return answer


def _expected(settings: Settings) -> dict[str, dict[str, Any]]:
    """What an id token must say, beside what Authlib checks (times, nonce, ``azp``, hash of the access token).

    It must be of the issuer of the settings, whatever the document found there calls itself, and for us: Authlib alone
    takes a token for somebody else when its ``azp`` names us.
    """
    issuer = settings.oidc_issuer.rstrip("/")
    return {
        "iss": {"essential": True, "values": [issuer, issuer + "/"]},
        "sub": {"essential": True, "allow_blank": False},
        "aud": {"essential": True, "allow_blank": False, "value": settings.oidc_client_id},
    }


def _sign_as_public_keys_do(provider: Any) -> None:
    """Leave of the algorithms that the provider names those of public keys: no ``none``, no shared secret."""
    metadata = provider.load_server_metadata()
    named = metadata.get(_ALGORITHMS) or ()
    metadata[_ALGORITHMS] = [one for one in named if one in _PUBLIC] or ["RS256"]


def _unavailable(error: Exception) -> Unavailable:
    log.warning("the sign-in provider does not answer", error=type(error).__name__)
    return Unavailable("The sign-in provider does not answer.", details={"retry_after": 30})
