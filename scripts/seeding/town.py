"""The town before anybody books: its people, houses, rooms, devices and services."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from uuid import UUID

from seeding import text
from seeding.trades import FIRST_NAMES, LAST_NAMES, SALON, STREETS, TRADES, Offer, Trade

ZONE = "Europe/Berlin"
_DEMO = 0x7000_8000_0000_0000_0000
#: those with whom everybody may sign in, at all sizes the same
DEMO_USERS = {role: UUID(int=_DEMO + n) for n, role in enumerate(("customer", "provider", "admin"), 1)}
DEMO_ROOM, DEMO_COURSE = UUID(int=_DEMO + 0x11), UUID(int=_DEMO + 0x12)
Rows = Iterator[tuple[object, ...]]


@dataclass(frozen=True)
class Size:
    """How big a town is: houses of each trade, weeks behind and ahead of today, customers, bookings."""

    bookings: int
    houses: int
    customers: int
    weeks_past: int
    weeks_ahead: int = 4


SIZES = {
    "small": Size(600, 1, 60, 5, 3),
    "medium": Size(50_000, 7, 4_000, 20),
    "large": Size(1_000_000, 48, 60_000, 52),
}


@dataclass
class House:
    """One clinic, salon or part of a co-working space, with what is shared by those who work there."""

    trade: Trade
    street: str
    quality: float
    host: str | None = None
    devices: list[tuple[str, str]] = field(default_factory=list)
    #: service ids by the names of their offers
    services: dict[str, str] = field(default_factory=dict)
    calendars: list[Calendar] = field(default_factory=list)


@dataclass
class Calendar:
    """A room, and whoever works in it: what is booked together. `owner` may act for it."""

    house: House
    number: int
    provider: str | None
    room: str
    room_name: str
    owner: str


@dataclass
class Town:
    """Everything that stands before the first booking."""

    opened: int
    users: list[tuple[str, str, str, str]] = field(default_factory=list)
    customers: list[str] = field(default_factory=list)
    houses: list[House] = field(default_factory=list)

    @property
    def demo(self) -> Calendar:
        """What the demo customer has booked: the demo provider in the demo room."""
        house, provider = House(replace(SALON, offers=()), "Demo Street", 1.0), str(DEMO_USERS["provider"])
        return Calendar(house, 1, provider, str(DEMO_ROOM), "Demo room", provider)

    @property
    def calendars(self) -> list[Calendar]:
        """All calendars, house by house."""
        return [calendar for house in self.houses for calendar in house.calendars]


def build(name: str, size: Size, *, today: date, dice: random.Random, ids: text.Ids) -> Town:
    """Make a town. `name` keeps the addresses of its people apart from those of other towns."""
    opened = (today - date(1970, 1, 1)).days * text.DAY - (size.weeks_past + 9) * 7 * text.DAY
    town = Town(opened)

    def person(role: str) -> str:
        first, last = dice.choice(FIRST_NAMES), dice.choice(LAST_NAMES)
        id = ids.at(opened)
        email = f"{first}.{last}.{len(town.users) + 1}@{name}.example.com".lower()
        town.users.append((id, email, f"{first} {last}", role))
        return id

    town.customers = [str(DEMO_USERS["customer"])] + [person("customer") for _ in range(size.customers - 1)]
    for trade in TRADES:
        for number in range(size.houses):
            street = STREETS[number % len(STREETS)]
            street += f" {number // len(STREETS) + 1}" if number >= len(STREETS) else ""
            house = House(trade, street, quality=0.55 + 0.4 * dice.random())
            _furnish(house, town, person, ids)
            town.houses.append(house)
    return town


def _furnish(house: House, town: Town, person: object, ids: text.Ids) -> None:
    assert callable(person)
    trade = house.trade
    house.host = None if trade.worker is not None else person("provider")
    house.devices = [(ids.at(town.opened), f"{device}, {house.street}") for device in trade.devices]
    house.services = {offer.name: ids.at(town.opened) for offer in trade.offers}
    for number in range(1, trade.rooms + 1):
        provider = None if trade.worker is None else person("provider")
        label = trade.room if trade.rooms == 1 else f"{trade.room} {number}"
        room_name = f"{label}, {trade.house} {house.street}"
        calendar = Calendar(
            house, number, provider, ids.at(town.opened), room_name, provider or house.host or str(DEMO_USERS["admin"])
        )
        house.calendars.append(calendar)


USER_COLUMNS = "id, email, name, phone, time_zone, locale, role, password_hash, addresses, created_at, updated_at"


def users(town: Town, password_hash: str, dice: random.Random) -> Rows:
    """Everybody, with the one password of all demo people."""
    at = text.instant(town.opened)
    for id, email, name, role in town.users:
        phone = f"+49 30 {dice.randrange(10**6, 10**7)}"
        locale = "de" if dice.random() < 0.6 else "en"
        addresses: list[dict[str, str]] = []
        if dice.random() < 0.2:
            street = f"{dice.choice(STREETS)} {dice.randrange(1, 90)}"
            addresses = [{"label": "home", "street": street, "postalCode": "10115", "city": "Berlin", "country": "DE"}]
        yield id, email, name, phone, ZONE, locale, role, password_hash, text.document(addresses), at, at


RESOURCE_COLUMNS = (
    "id, kind, name, description, location, time_zone, capacity, owner_id, auto_confirm, amenities, created_at,"
    " updated_at, schedule_version"
)


def resources(town: Town) -> Rows:
    """Whatever can be booked: people, rooms, devices."""
    at, names = text.instant(town.opened), {id: name for id, _, name, _ in town.users}
    for house in town.houses:
        trade, auto = house.trade, not house.trade.asks and not any(offer.prepaid for offer in house.trade.offers)
        where = f"{house.street}, Berlin"
        for c in house.calendars:
            if c.provider:
                name = f"{trade.worker} {names[c.provider]}".strip()
                about = f"Works at {trade.house} {house.street}."
                yield c.provider, "provider", name, about, where, ZONE, 1, c.owner, auto, "{}", at, at, 1
            amenities = text.array(trade.amenities)
            yield c.room, "workspace", c.room_name, None, where, ZONE, trade.places, c.owner, auto, amenities, at, at, 1
        for id, name in house.devices:
            yield id, "equipment", name, None, where, ZONE, 1, None, auto, "{}", at, at, 1


SCHEDULE_COLUMNS = "layer, subject_id, weekly, rules, updated_at"
_OPEN_ON = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday")


def schedules(town: Town) -> Rows:
    """When each house is open, said of everything in it; visits are made for these hours, and begin every half hour."""
    at = text.instant(town.opened)
    for house in town.houses:
        span = {"from": _clock(house.trade.opens), "to": _clock(house.trade.closes)}
        weekly, rules = text.document({day: [span] for day in _OPEN_ON}), text.document({"slotIntervalMinutes": 30})
        people = [c.provider for c in house.calendars if c.provider]
        for id in [*people, *(c.room for c in house.calendars), *(id for id, _ in house.devices)]:
            yield "resource", id, weekly, rules, at


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


CATEGORY_COLUMNS = "id, slug, name, position, created_at, updated_at"


def categories(town: Town, name: str, ids: text.Ids) -> tuple[list[tuple[object, ...]], dict[str, str]]:
    """The categories, and their ids by name."""
    at = text.instant(town.opened)
    known = {word: ids.at(town.opened) for word in dict.fromkeys(trade.category for trade in TRADES)}
    rows = [(id, _slug(f"{word} {name}"), word, number, at, at) for number, (word, id) in enumerate(known.items())]
    return list(rows), known


SERVICE_COLUMNS = (
    "id, slug, name, description, category_id, durations, currency, price_from, buffer_before_minutes,"
    " buffer_after_minutes, capacity, max_party_size, requires_confirmation, requires_payment, cancellation_policy,"
    " reminder_leads, featured, created_at, updated_at"
)


def services(town: Town, category_ids: dict[str, str], name: str) -> Rows:
    """What each house sells. A service without a price costs nothing."""
    at = text.instant(town.opened)
    for house in town.houses:
        trade = house.trade
        for offer in trade.offers:
            yield (
                house.services[offer.name],
                _slug(f"{offer.name} {house.street} {name}"),
                f"{offer.name}, {house.street}",
                offer.description,
                category_ids[trade.category],
                text.document([{"minutes": offer.minutes, "price": offer.price or 0}]),
                "EUR",
                offer.price or 0,
                offer.before,
                offer.after,
                trade.places,
                2 if trade.places > 1 else 1,
                trade.asks,
                offer.prepaid,
                text.document(offer.policy),
                text.array(trade.reminders),
                offer.featured,
                at,
                at,
            )


def _slug(words: str) -> str:
    return "-".join("".join(c if c.isalnum() else " " for c in words.lower().replace("'", "")).split())


def deliverers(town: Town) -> Rows:
    """service_id, resource_id, position: who or what delivers each service."""
    for house in town.houses:
        for service in house.services.values():
            for position, calendar in enumerate(house.calendars, 1):
                yield service, calendar.provider or calendar.room, position


def requirements(town: Town) -> Rows:
    """service_id, position, kind, count, resource_ids: what a service needs besides whoever delivers it."""
    for house in town.houses:
        for offer in house.trade.offers:
            if house.trade.worker is not None:
                rooms = text.array(calendar.room for calendar in house.calendars)
                yield house.services[offer.name], 1, "workspace", 1, rooms
            if offer.needs_device:
                yield house.services[offer.name], 2, "equipment", 1, text.array(id for id, _ in house.devices[:1])


def device_for(house: House, offer: Offer) -> str | None:
    """The device that an offer needs."""
    return house.devices[0][0] if offer.needs_device else None
