"""The spelling of topics."""

from __future__ import annotations

from uuid import UUID

import pytest

from bookings.auth import Actor
from bookings.errors import Invalid
from bookings.realtime import topics

ME = Actor(UUID(int=7), "customer")
ID = "0199fae0-0000-7000-8000-00000000ABCD"


def test_every_spelling_becomes_one() -> None:
    words = ["me", f"user:{ME.id}", f"resource:{ID}", f"resource:{ID.lower()}", f"availability:{ID}", "all"]
    low = ID.lower()
    assert topics.spelt_out(ME, words) == {f"user:{ME.id}", f"resource:{low}", f"availability:{low}", "all"}


def test_a_resource_comes_with_its_days() -> None:
    assert topics.with_days(frozenset(["me", "resource:1"])) == {"me", "resource:1", "availability:1"}


@pytest.mark.parametrize("word", ["", "ALL", "user:", "user:1", "room:" + ID, "resource", "user:me", " me"])
def test_what_is_no_topic_is_named(word: str) -> None:
    with pytest.raises(Invalid) as refused:
        topics.spelt_out(ME, ["me", word])
    assert [error["field"] for error in refused.value.extra["errors"]] == ["topics"]
    assert repr(word) in refused.value.extra["errors"][0]["message"]


def test_who_hears_all_hears_everything() -> None:
    assert topics.concerns(("user:a",), frozenset(["all"]))
    assert topics.concerns(("user:a", "resource:b"), frozenset(["resource:b"]))
    assert not topics.concerns(("user:a",), frozenset(["user:b"]))
    assert not topics.concerns((), frozenset(["user:b"]))
