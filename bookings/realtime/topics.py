"""Who may hear what. `user:<id>`: a user's own bookings. `resource:<id>`: what claims a resource. `all`: everything.
`availability:<id>`: on which days a service or a resource can be booked otherwise; for everybody."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from bookings import queries
from bookings.auth import Actor
from bookings.db import Database
from bookings.errors import Invalid
from bookings.http import uuid_or_none
from bookings.realtime.errors import NotYourTopic

_sql = queries.load("realtime")
ALL = "all"
_KINDS = ("user", "resource", "availability")
_DAYS = "availability:"


def own(actor: Actor) -> str:
    """The topic of a user's own bookings."""
    return f"user:{actor.id}"


def usual(database: Database, actor: Actor) -> frozenset[str]:
    """What one hears without saying what: oneself and the resources one owns."""
    return frozenset((own(actor), *(f"resource:{id}" for id in _owned(database, actor, None))))


def spelt_out(actor: Actor, words: Iterable[str]) -> frozenset[str]:
    """Topics in their one spelling. Raises Invalid naming those that are none."""
    found = {word: own(actor) if word == "me" else _canonical(word) for word in words}
    wrong = [word for word, topic in found.items() if topic is None]
    if wrong:
        raise Invalid(
            [
                ("topics", f"{word!r} is not a topic; use availability:<id>, me, user:<id>, resource:<id> or all.")
                for word in wrong
            ]
        )
    return frozenset(topic for topic in found.values() if topic)


def _canonical(word: str) -> str | None:
    if word == ALL:
        return ALL
    kind, _, text = word.partition(":")
    id = uuid_or_none(text)
    return f"{kind}:{id}" if kind in _KINDS and id else None


def permitted(database: Database, actor: Actor, topics: frozenset[str]) -> frozenset[str]:
    """Those of the topics that the actor may hear at this moment."""
    if actor.is_admin:
        return topics
    asked = [UUID(topic.partition(":")[2]) for topic in topics if topic.startswith("resource:")]
    owned = _owned(database, actor, asked) if asked else ()
    return topics & {own(actor), *(f"resource:{id}" for id in owned), *filter(of_days, topics)}


def of_days(topic: str) -> bool:
    """Whether it tells of days alone."""
    return topic.startswith(_DAYS)


def with_days(topics: frozenset[str]) -> frozenset[str]:
    """The topics, and for each resource among them the one that tells of its days."""
    return topics | {_DAYS + topic.removeprefix("resource:") for topic in topics if topic.startswith("resource:")}


def named(database: Database, actor: Actor, topics: frozenset[str]) -> frozenset[str]:
    """What somebody hears who names these topics: of a resource its days, and its bookings if they may.

    Raises NotYourTopic for other users and for everything.
    """
    wanted = with_days(topics)
    heard = permitted(database, actor, wanted)
    refused = [topic for topic in wanted - heard if not topic.startswith("resource:")]
    if refused:
        raise NotYourTopic(topics=sorted(refused))
    return heard


def check(database: Database, actor: Actor, topics: frozenset[str]) -> None:
    """Raise NotYourTopic, listing them, unless the actor may hear all of the topics."""
    refused = topics - permitted(database, actor, topics)
    if refused:
        raise NotYourTopic(topics=sorted(refused))


def _owned(database: Database, actor: Actor, among: list[UUID] | None) -> list[UUID]:
    return database.run(
        lambda tx: [row["id"] for row in tx.all(_sql.owned_resources, {"actor_id": actor.id, "among": among})]
    )


def concerns(event_topics: Iterable[str], topics: frozenset[str]) -> bool:
    """Whether someone who hears topics hears an event."""
    return ALL in topics or not topics.isdisjoint(event_topics)
