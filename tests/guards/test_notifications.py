"""Notifications: every cause has its words in every language, and everybody can turn it off."""

from __future__ import annotations

import re

import pytest

from bookings.account import rules as account_rules
from bookings.notification import rules, wording
from tests.guards.source import ROOT

SHARED = {"mail.txt.jinja", "mail.html.jinja", "unsubscribe.html.jinja"}


def blocks(language: str, name: str) -> set[str]:
    """The blocks of a template."""
    text = (wording.TEMPLATES / language / f"{name}.jinja").read_text()
    return set(re.findall(r"\{% block (\w+) %\}", text))


def test_templates_are_those_of_the_causes() -> None:
    """A folder for each language, a file for each cause, and nothing left behind."""
    there = {path.relative_to(wording.TEMPLATES).as_posix() for path in wording.TEMPLATES.rglob("*.jinja")}
    names = [*rules.CAUSES, "labels"]
    assert there == SHARED | {f"{language}/{name}.jinja" for language in rules.LANGUAGES for name in names}


@pytest.mark.parametrize("language", rules.LANGUAGES)
def test_each_audience_has_a_subject_and_a_sentence(language: str) -> None:
    """In every language the same blocks."""
    for cause, audiences in rules.CAUSES.items():
        wanted = {f"{audience}_{part}" for audience in audiences for part in ("subject", "text")}
        assert blocks(language, cause) == wanted, f"{language}/{cause}"
    assert blocks(language, "labels") == blocks("en", "labels")


def test_every_cause_can_be_turned_off() -> None:
    """What we tell is what people choose from."""
    assert set(rules.CAUSES) == set(account_rules.CAUSES)
    assert {rules.IN_APP, rules.EMAIL} == set(account_rules.CHANNELS)


def test_the_docs_name_every_cause() -> None:
    """docs/notifications.md has all of them in its table."""
    text = (ROOT / "docs" / "notifications.md").read_text()
    assert [cause for cause in rules.CAUSES if f"`{cause}`" not in text] == []
