"""Routes: each has a guard, a contract, an operation in the OpenAPI document and a row in the role matrix."""

from __future__ import annotations

import warnings

import pytest
from flask import Flask

from bookings import routes
from bookings.http import Contract
from bookings.platform import openapi
from tests.guards.app import make_app

ORDINARY = {"HEAD", "OPTIONS"}


@pytest.fixture(scope="module")
def app() -> Flask:
    """The app, without anything behind it."""
    return make_app()


def test_every_route_stands_behind_the_guard_of_its_blueprint(app: Flask) -> None:
    """No route is registered past the list in bookings/__init__.py, and every guard there is in force."""
    guards = {blueprint.name: guard for blueprint, guard in routes()}
    for rule in app.url_map.iter_rules():
        blueprint = rule.endpoint.rpartition(".")[0]
        assert blueprint in guards, f"{rule.rule} belongs to no blueprint of the list"
        assert guards[blueprint] in app.before_request_funcs[blueprint]


def test_every_route_has_a_contract(app: Flask) -> None:
    """What it takes and gives is known, and its docstring says what it does."""
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        assert isinstance(getattr(view, "contract", None), Contract), f"{rule.rule} needs @endpoint or @described"
        assert view.__doc__, f"{rule.rule} needs a docstring: it is its summary"


def test_every_route_is_in_the_document(app: Flask) -> None:
    """Paths and methods of the app and of the OpenAPI document are the same."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # apispec warns of schemas it had to rename
        paths = openapi.build(app)["paths"]
    told = {(path, method.upper()) for path, methods in paths.items() for method in methods}
    there = {
        (openapi.path_of(rule), method)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - ORDINARY
    }
    assert told == there


def test_every_route_has_a_row_in_the_role_matrix(app: Flask) -> None:
    """Who may do what is decided for each route, not left to chance."""
    from tests.acceptance.platform.role_matrix import ROWS

    decided = {(row.method, row.path) for row in ROWS}
    there = {
        (method, openapi.path_of(rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - ORDINARY
    }
    assert there - decided == set(), "add a row to tests/acceptance/platform/role_matrix.py"
    assert decided - there == set(), "these rows have no route any more"
