"""Clients that are somebody: each with an API token, over the application of the test."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from release_mgmt import clock
from release_mgmt.bootstrap import create_app
from release_mgmt.core.permissions import Role, Scope, Via, trusted
from release_mgmt.services import people, tokens
from release_mgmt.settings import Settings
from release_mgmt.store.session import Store

OPERATOR = trusted("operator", Via.CLI)
As = Callable[..., FlaskClient]


def client_as(app: Flask, store: Store, *roles: Role, name: str = "Somebody") -> FlaskClient:
    """A client that brings a token of a new person with these roles (release managers for every calendar)."""
    grants = tuple(people.Grant(role) for role in roles)
    now = clock.now()
    person = people.add(store, OPERATOR, now, name=name, login=name.lower().replace(" ", "."), grants=grants)
    scopes = tuple(scope.value for scope in Scope)
    token = tokens.create(store, OPERATOR, now, name="tests", scopes=scopes, person=person.id).secret
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return client


@pytest.fixture
def on_both(settings: Settings, store: Store) -> Flask:
    """The application over a store on SQLite and, again, on PostgreSQL."""
    made = create_app(settings, store)
    made.testing = True
    return made


@pytest.fixture
def administrator(on_both: Flask, store: Store) -> FlaskClient:
    """A client that may do everything, on both databases."""
    return client_as(on_both, store, *Role, name="Root")


@pytest.fixture
def reader(on_both: Flask, store: Store) -> FlaskClient:
    """A client that may only read, on both databases."""
    return client_as(on_both, store, Role.READER, name="Reader")
