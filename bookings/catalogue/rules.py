"""What a service costs, and what makes one impossible. Pure functions; docs/catalogue.md explains them to people."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from bookings.money import percent_of

#: the last word of addresses that mean something else than a service
RESERVED = ("featured", "popular")
REQUIRED_KINDS = ("workspace", "equipment")
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
#: those who deliver a service together: one statement claims them all
MOST_TOGETHER = 100
_LONGEST_SLUG = 80
_WORD = re.compile(r"\w+")
_MOST_WORDS = 10
Errors = Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Quote:
    """A price in minor units of a currency, and how it came about: the number of the rule that applied, from 0."""

    amount: int
    currency: str
    rule: int | None


def quote(service: Mapping[str, Any], *, minutes: int, on: date, party_size: int) -> Quote:
    """What a party pays for a duration on a date.

    The duration's price, and for each person `perPersonPrice`; then the first rule that matches replaces the sum
    (`price`), takes a percentage of it (`percent`, half a unit rounded up) or adds to it (`add`; never below nothing).
    Raises ValueError for a duration that the service does not have.
    """
    price = next((one["price"] for one in service["durations"] if one["minutes"] == minutes), None)
    if price is None:
        raise ValueError(f"{minutes} minutes is not a duration of this service")
    amount = price + (service["perPersonPrice"] or 0) * party_size
    for number, rule in enumerate(service["priceRules"]):
        if _matches(rule, minutes, on, party_size):
            return Quote(_applied(rule, amount), service["currency"], number)
    return Quote(amount, service["currency"], None)


def place_price(service: Mapping[str, Any], quoted: Quote) -> int:
    """What each place adds to a price that was quoted: what a party of one less would pay less by the same rule."""
    each = int(service["perPersonPrice"] or 0)
    rule = service["priceRules"][quoted.rule] if quoted.rule is not None else {}
    if rule.get("price") is not None:
        return 0
    return percent_of(each, rule["percent"]) if rule.get("percent") is not None else each


def _matches(rule: Mapping[str, Any], minutes: int, on: date, party_size: int) -> bool:
    """Whether all conditions that a rule names hold; dates are inclusive, weekdays count from 1, Monday."""
    return (
        (not rule.get("weekdays") or on.isoweekday() in rule["weekdays"])
        and (not rule.get("from") or on.isoformat() >= rule["from"])
        and (not rule.get("to") or on.isoformat() <= rule["to"])
        and (not rule.get("minutes") or minutes in rule["minutes"])
        and party_size >= (rule.get("minPartySize") or 1)
    )


def _applied(rule: Mapping[str, Any], amount: int) -> int:
    if rule.get("price") is not None:
        return int(rule["price"])
    if rule.get("percent") is not None:
        return percent_of(amount, rule["percent"])
    return int(max(0, amount + rule["add"]))


def price_from(service: Mapping[str, Any]) -> int:
    """The least that anybody pays when no rule applies: by this lists filter and sort."""
    least: int = min(one["price"] for one in service["durations"])
    return least + (service["perPersonPrice"] or 0) * int(service["minPartySize"])


def party_error(service: Mapping[str, Any], party_size: int) -> str | None:
    """What is wrong with the size of a party, if anything."""
    least, most = service["minPartySize"], service["maxPartySize"]
    if least <= party_size <= most:
        return None
    return f"Must be {least}." if least == most else f"Must be {least} to {most}."


def duration_error(service: Mapping[str, Any]) -> str:
    """Which durations there are, for somebody who named another."""
    minutes = [str(one["minutes"]) for one in service["durations"]]
    return f"Must be one of these lengths: {', '.join(minutes)} minutes."


def units(service: Mapping[str, Any], party_size: int) -> int:
    """What a booking claims of each resource: a place for everyone in a group session, otherwise one unit."""
    return party_size if service["capacity"] > 1 else 1


def errors(service: Mapping[str, Any]) -> Errors:
    """What contradicts itself in a whole service, as (field, message) pairs."""
    lengths = [one["minutes"] for one in service["durations"]]
    if len(set(lengths)) < len(lengths):
        yield "durations", "Names a length twice."
    if service["minPartySize"] > service["maxPartySize"]:
        yield "minPartySize", "Is more than maxPartySize."
    if service.get("collective") and not service["resourceIds"]:
        yield "collective", "Needs resourceIds, who deliver it together."
    if service.get("collective") and len(service["resourceIds"]) > MOST_TOGETHER:
        yield "collective", f"At most {MOST_TOGETHER} deliver a service together."
    if 1 < service["capacity"] < service["maxPartySize"]:
        yield "maxPartySize", "Is more than a session has places (capacity)."
    for number, rule in enumerate(service["priceRules"]):
        if unknown := sorted(set(rule.get("minutes") or ()) - set(lengths)):
            yield f"priceRules.{number}.minutes", f"No such duration: {', '.join(map(str, unknown))}."
    tiers = (service["cancellationPolicy"] or {"tiers": []})["tiers"]
    if len({tier["beforeMinutes"] for tier in tiers}) < len(tiers):
        yield "cancellationPolicy.tiers", "Names the same beforeMinutes twice."


def slug_error(slug: str) -> str | None:
    """What is wrong with a slug, if anything."""
    if not _SLUG.fullmatch(slug):
        return "Must be lower-case words and digits joined by single hyphens, such as deep-tissue-massage."
    if slug in RESERVED or _is_id(slug):
        return "Means something else in addresses; choose another."
    return None


def slug_of(name: str, otherwise: str) -> str:
    """A slug made from a name; `otherwise` when nothing of the name can stand in an address."""
    parts = unicodedata.normalize("NFKD", name.lower().replace("ß", "ss"))
    plain = "".join(letter for letter in parts if not unicodedata.combining(letter))
    slug = "-".join(re.findall(r"[a-z0-9]+", plain))[:_LONGEST_SLUG].strip("-")
    return slug if slug and slug_error(slug) is None else otherwise


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def question(text: str, *, of_name: bool = False) -> str:
    """A tsquery that wants every word of a text, or a word that begins so; empty when it has no words.

    With `of_name` each must stand in the name of the service.
    """
    return " & ".join(f"{word}:*{'A' if of_name else ''}" for word in _WORD.findall(text)[:_MOST_WORDS])


def sorted_policy(policy: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A cancellation policy with its tiers in the order in which they are tried."""
    if policy is None:
        return None
    tiers: Sequence[Mapping[str, Any]] = policy["tiers"]
    return {"tiers": sorted((dict(tier) for tier in tiers), key=lambda tier: -tier["beforeMinutes"])}
