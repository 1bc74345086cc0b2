"""Prices, and services that contradict themselves."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from bookings.catalogue import rules

SATURDAY, MONDAY = date(2027, 6, 5), date(2027, 6, 7)


def service(**changes: Any) -> dict[str, Any]:
    """A massage of 30 or 60 minutes."""
    return {
        "durations": [{"minutes": 30, "price": 4500}, {"minutes": 60, "price": 8000}],
        "currency": "EUR",
        "perPersonPrice": None,
        "priceRules": [],
        "capacity": 1,
        "minPartySize": 1,
        "maxPartySize": 1,
        "cancellationPolicy": None,
        **changes,
    }


def amount(changes: dict[str, Any], *, minutes: int = 30, on: date = MONDAY, party_size: int = 1) -> int:
    """What it costs."""
    return rules.quote(service(**changes), minutes=minutes, on=on, party_size=party_size).amount


def test_each_duration_has_its_price() -> None:
    assert amount({}) == 4500
    assert amount({}, minutes=60) == 8000
    assert rules.quote(service(), minutes=60, on=MONDAY, party_size=1) == rules.Quote(8000, "EUR", None)


def test_an_unknown_duration_has_none() -> None:
    with pytest.raises(ValueError, match="45 minutes"):
        amount({}, minutes=45)


def test_each_person_adds_to_the_price() -> None:
    assert amount({"perPersonPrice": 1000}, party_size=3) == 7500


@pytest.mark.parametrize(
    "rule,expected",
    [
        ({"price": 9900}, 9900),
        ({"price": 0}, 0),
        ({"percent": 80}, 3600),
        ({"percent": 0}, 0),
        ({"add": -500}, 4000),
        ({"add": -5000}, 0),
    ],
)
def test_what_a_rule_does(rule: dict[str, Any], expected: int) -> None:
    assert amount({"priceRules": [rule]}) == expected


def test_half_a_unit_is_rounded_up() -> None:
    assert amount({"durations": [{"minutes": 30, "price": 5}], "priceRules": [{"percent": 50}]}) == 3


@pytest.mark.parametrize(
    "condition,holds",
    [
        ({"weekdays": [6, 7]}, False),
        ({"weekdays": [1]}, True),
        ({"from": "2027-06-07"}, True),
        ({"from": "2027-06-08"}, False),
        ({"to": "2027-06-07"}, True),
        ({"to": "2027-06-06"}, False),
        ({"minutes": [30]}, True),
        ({"minutes": [60]}, False),
        ({"minPartySize": 2}, True),
        ({"minPartySize": 3}, False),
        ({"weekdays": [1], "minPartySize": 3}, False),
        ({}, True),
    ],
)
def test_when_a_rule_applies(condition: dict[str, Any], holds: bool) -> None:
    """On Monday 7 June 2027, for 30 minutes and two people. Both days of a range belong to it."""
    quote = rules.quote(service(priceRules=[{**condition, "price": 1}]), minutes=30, on=MONDAY, party_size=2)
    assert (quote.amount == 1, quote.rule) == ((True, 0) if holds else (False, None))


def test_only_the_first_rule_that_matches_applies() -> None:
    both = [{"weekdays": [6], "percent": 200}, {"percent": 50}]
    assert amount({"priceRules": both}, on=SATURDAY) == 9000
    assert amount({"priceRules": both}, on=MONDAY) == 2250


def test_a_rule_sees_the_price_of_the_whole_party() -> None:
    assert amount({"perPersonPrice": 500, "priceRules": [{"percent": 50}]}, party_size=2) == 2750


def test_the_least_price_counts_the_smallest_party() -> None:
    assert rules.price_from(service(perPersonPrice=100, minPartySize=2)) == 4700


@pytest.mark.parametrize(
    "changes,field",
    [
        ({"durations": [{"minutes": 30, "price": 1}, {"minutes": 30, "price": 2}]}, "durations"),
        ({"minPartySize": 2}, "minPartySize"),
        ({"capacity": 4, "maxPartySize": 5}, "maxPartySize"),
        ({"priceRules": [{"percent": 1}, {"minutes": [45], "percent": 1}]}, "priceRules.1.minutes"),
        (
            {
                "cancellationPolicy": {
                    "tiers": [{"beforeMinutes": 0, "refundPercent": 1}, {"beforeMinutes": 0, "refundPercent": 2}]
                }
            },
            "cancellationPolicy.tiers",
        ),
    ],
)
def test_contradictions_are_named(changes: dict[str, Any], field: str) -> None:
    assert [name for name, _ in rules.errors(service(**changes))] == [field]


def test_a_party_may_be_larger_than_one_unit() -> None:
    """A table for four is one table; four in a group session take four places."""
    assert list(rules.errors(service(maxPartySize=4))) == []
    assert rules.units(service(maxPartySize=4), 4) == 1
    assert rules.units(service(capacity=12, maxPartySize=12), 4) == 4


@pytest.mark.parametrize("size,fits", [(1, False), (2, True), (4, True), (5, False)])
def test_the_party_has_bounds(size: int, fits: bool) -> None:
    assert (rules.party_error(service(minPartySize=2, maxPartySize=4), size) is None) == fits


@pytest.mark.parametrize(
    "name,slug",
    [
        ("Deep  Tissue—Massage!", "deep-tissue-massage"),
        ("Fußpflege für Ältere", "fusspflege-fur-altere"),
        ("Featured", "other"),
        ("瑜伽", "other"),
        ("0190f3b4-9c7b-7d5e-8a1b-2c3d4e5f6a7b", "other"),
        ("a" * 79 + " b", "a" * 79),
    ],
)
def test_slugs_come_from_names(name: str, slug: str) -> None:
    assert rules.slug_of(name, "other") == slug


@pytest.mark.parametrize("slug", ["", "A", "a--b", "-a", "a b", "featured", "popular", "ä"])
def test_what_is_no_slug(slug: str) -> None:
    assert rules.slug_error(slug)


@pytest.mark.parametrize(
    "text,question",
    [("deep mass", "deep:* & mass:*"), ("a'b & !c | (d)", "a:* & b:* & c:* & d:*"), ("!!!", ""), ("über", "über:*")],
)
def test_questions_hold_only_words(text: str, question: str) -> None:
    assert rules.question(text) == question
    assert rules.question(text, of_name=True) == question.replace(":*", ":*A")


def test_policies_are_kept_in_the_order_in_which_they_are_tried() -> None:
    tiers = [{"beforeMinutes": 0, "refundPercent": 0}, {"beforeMinutes": 1440, "refundPercent": 100}]
    assert rules.sorted_policy({"tiers": tiers}) == {"tiers": tiers[::-1]}
    assert rules.sorted_policy(None) is None
