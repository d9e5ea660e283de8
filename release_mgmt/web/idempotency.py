"""``Idempotency-Key`` on what machines post: sent twice, done once."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any, TypeVar

from flask import Response, make_response, request

from release_mgmt.core.errors import InvalidInput, ReleaseMgmtError
from release_mgmt.services import idempotency as services
from release_mgmt.web.context import context
from release_mgmt.web.described_headers import takes

View = TypeVar("View", bound=Callable[..., Any])
_KEY = re.compile(r"[\x21-\x7e]{1,200}\Z")


def idempotent(view: View) -> View:
    """Give the first answer again to a request with the same ``Idempotency-Key``, person and body.

    Stands between ``@needs`` and flask-smorest's decorators. A request that fails has had no effect (services write
    in one transaction), so its key may be used again: at once, or after a minute when the database failed.
    """

    @wraps(view)
    def once(*args: Any, **kwargs: Any) -> Any:
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return view(*args, **kwargs)
        if not _KEY.match(key):
            raise InvalidInput.at("Idempotency-Key", "this cannot be a key", "1 to 200 visible ASCII characters")
        actor = context.actor.person or context.actor.name
        digest = hashlib.sha256(request.get_data()).hexdigest()
        route = f"{request.method} {request.path}"
        found = services.claim(context.store, context.now, actor=actor, key=key, route=route, digest=digest)
        if isinstance(found, services.Answer):
            replayed = Response(found.body, status=found.status, mimetype="application/json")
            replayed.headers["Idempotency-Replayed"] = "true"
            if found.etag is not None:
                replayed.headers["ETag"] = found.etag
            return replayed
        try:
            with services.marking(context.store, found):
                response = make_response(view(*args, **kwargs))
        except BaseException:
            with suppress(ReleaseMgmtError):  # the database may be what failed; then the claim lapses by itself
                services.forget(context.store, found)
            raise
        given = services.Answer(response.status_code, response.get_data(), response.headers.get("ETag"))
        services.keep(context.store, found, given)
        return response

    meaning = "1 to 200 visible ASCII characters: sent again within a day, the first answer is given again."
    return takes("Idempotency-Key", meaning)(once)  # type: ignore[return-value] # the same signature, through wraps
