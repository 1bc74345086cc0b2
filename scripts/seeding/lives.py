"""What becomes of each visit: booked, confirmed, paid, moved, reminded of, called off, kept, reviewed."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from seeding.days import Visit
from seeding.text import DAY, Ids
from seeding.town import DEMO_USERS, Town
from seeding.trades import BLAME, DOUBT, PRAISE, REASONS, REPLIES, Offer

SYSTEM = "00000000-0000-0000-0000-000000000000"
_HOUR = 3600
#: seconds within which everybody has paid who must: nobody is left half-way when the town stands still
_PAYING = 900
#: what a booking's state machine calls an action → the status it leads to, when it leads to one
_LEADS_TO = {
    "confirm": "confirmed",
    "decline": "declined",
    "cancel": "cancelled",
    "check-in": "checked_in",
    "complete": "completed",
    "no-show": "no_show",
}


@dataclass(slots=True)
class Step:
    """One version of a booking: what was done, by whom, when, and how the booking stood afterwards."""

    at: int
    action: str
    actor: str
    status: str
    start: int
    end: int
    payment: str | None
    reason: str | None
    #: why it stands so, which stays until there is another reason
    status_reason: str | None
    request: str | None


@dataclass(slots=True)
class Money:
    """The payment of a booking. Instants are None while something has not happened."""

    id: str
    #: who took it at the desk; None: it was paid through the gateway
    taken_by: str | None
    asked_at: int
    taken_at: int | None = None
    back_at: int | None = None
    refunded: int = 0
    #: how much that is of what was paid
    percent: int = 100


@dataclass(slots=True)
class Review:
    """What the customer said, and what was answered."""

    id: str
    at: int
    rating: int
    text: str | None
    reply: str | None
    replied_at: int | None


@dataclass(slots=True)
class Life:
    """A booking with everything that hangs on it."""

    id: str
    visit: Visit
    user: str
    steps: list[Step] = field(default_factory=list)
    money: Money | None = None
    #: id, lead in minutes, version, due at, sent at
    reminders: list[tuple[str, int, int, int, int | None]] = field(default_factory=list)
    review: Review | None = None

    @property
    def last(self) -> Step:
        """How the booking stands now."""
        return self.steps[-1]


class Fate:
    """Decides. `now` is the instant at which the town stands still, in seconds since 1970."""

    def __init__(self, town: Town, *, now: int, dice: random.Random, ids: Ids) -> None:
        self._town, self._now, self._dice, self._ids = town, now, dice, ids
        #: when the time of the visit before was given back
        self._freed = 0

    def live(self, visit: Visit) -> Life:
        """The life of one visit; the order of calls is part of what the seed decides."""
        life = self._book(visit)
        staff = visit.calendar.owner
        if visit.offer.prepaid:
            self._prepay(life)
        elif life.last.status == "pending":
            self._answer(life, staff)
        self._move(life)
        if visit.called_off:
            self._call_off(life, staff)
        elif visit.end < self._now:
            self._come(life, staff)
        self._remind(life)
        if life.last.status == "cancelled":
            self._freed = max(step.at for step in life.steps if step.action == "cancel")
        return life

    def _book(self, visit: Visit) -> Life:
        """The first version; some ask for another time at first."""
        dice, start, offer = self._dice.random, visit.start, visit.offer
        customers = self._town.customers
        user = customers[int(dice() ** 1.5 * len(customers))]
        created = self._created(start)
        if visit.after_another:
            created = min(max(created, self._freed + 60), max(start - 600, self._town.opened), self._now - _PAYING)
        life = Life(self._ids.at(created), visit, user)
        creator = visit.calendar.owner if dice() < 0.12 and not offer.prepaid else user
        other_time = dice() < 0.03 and start - created > 3 * DAY and not visit.called_off
        asked_for = start + DAY * (1 if dice() < 0.5 else 2) if other_time else start
        waits = visit.calendar.house.trade.asks or offer.prepaid
        self._step(life, created, "create", creator, "pending" if waits else "confirmed", asked_for)
        life.last.payment = "unpaid" if offer.price else None
        return life

    def _move(self, life: Life) -> None:
        """To the time of the visit, if another was asked for; who has not moved in time asked for this one at once."""
        visit = life.visit
        if life.last.start == visit.start:
            return
        at = max(life.last.at + 60, visit.start - 2 * DAY)
        if at < self._now and life.last.status == "confirmed":
            self._step(life, at, "reschedule", life.user, life.last.status, visit.start)
            return
        for step in life.steps:
            step.start, step.end = visit.start, visit.end

    def _created(self, start: int) -> int:
        notice = _HOUR + min(int(self._dice.expovariate(1 / (6 * DAY))), 55 * DAY)
        latest = self._now - int(self._dice.expovariate(1 / (3 * DAY))) % (40 * DAY) - _PAYING
        return min(start - notice, latest)

    def _step(
        self, life: Life, at: int, action: str, actor: str, status: str, start: int, reason: str | None = None
    ) -> None:
        end = start + life.visit.end - life.visit.start
        payment = life.last.payment if life.steps else None
        stays = life.last.status_reason if life.steps else None
        request = None if actor == SYSTEM else self._ids.request()
        life.steps.append(Step(at, action, actor, status, start, end, payment, reason, reason or stays, request))

    def _then(self, life: Life, at: int, action: str, actor: str, reason: str | None = None) -> bool:
        """The next step, when its time has come already; says whether it has."""
        at = max(at, life.last.at + 1)
        if at >= self._now:
            return False
        self._step(life, at, action, actor, _LEADS_TO.get(action, life.last.status), life.last.start, reason)
        return True

    def _paid(self, life: Life, at: int, status: str) -> bool:
        if not self._then(life, at, "payment", SYSTEM):
            return False
        life.last.payment = status
        return True

    def _prepay(self, life: Life) -> None:
        """Paid by transfer within minutes, which confirms the booking."""
        asked = life.last.at
        life.money = Money(self._ids.at(asked), None, asked)
        if self._paid(life, asked + 20 + self._dice.randrange(600), "paid"):
            life.money.taken_at = life.last.at
            self._then(life, life.last.at, "confirm", SYSTEM)

    def _answer(self, life: Life, staff: str) -> None:
        """Staff look at it within a day, and seldom decline."""
        visit, step = life.visit, life.last
        within = max(60, min(DAY, visit.start - step.at - 120))
        at = step.at + 30 + self._dice.randrange(within)
        if visit.called_off and self._dice.random() < 0.15:
            self._then(life, at, "decline", staff, "We are fully booked that day.")
        elif visit.start < self._now or self._dice.random() < 0.8:
            self._then(life, at, "confirm", staff)

    def _call_off(self, life: Life, staff: str) -> None:
        """Somewhere between booking and start; money that was paid goes back as the policy says."""
        begin, visit = life.last, life.visit
        if begin.status not in ("pending", "confirmed"):
            return
        by_staff = self._dice.random() < 0.2
        until = max(min(visit.start - 300, self._now - 60), begin.at + 1)
        at = begin.at + 1 + int((until - begin.at) * self._dice.random())
        reason = REASONS[self._dice.randrange(len(REASONS))] if self._dice.random() < 0.5 else None
        self._step(life, at, "cancel", staff if by_staff else life.user, "cancelled", begin.start, reason)
        if life.money and life.money.taken_at:
            self._give_back(life, life.money, by_staff=by_staff)

    def _give_back(self, life: Life, money: Money, *, by_staff: bool) -> None:
        left, policy, price = (
            (life.visit.start - life.last.at) // 60,
            life.visit.offer.policy,
            life.visit.offer.price or 0,
        )
        percent = 100
        if policy and not by_staff:
            kept = (tier["refundPercent"] for tier in policy["tiers"] if left >= tier["beforeMinutes"])
            percent = next(kept, 0)
        back = (price * percent + 50) // 100
        if back:
            money.refunded, money.back_at, money.percent = back, life.last.at + 2, percent
            self._step(life, money.back_at, "payment", SYSTEM, life.last.status, life.last.start)
            life.last.payment = "refunded" if back == price else "partially_refunded"

    def _come(self, life: Life, staff: str) -> None:
        """The day has come: most are there, and some say afterwards how it was."""
        visit, dice = life.visit, self._dice.random
        if life.last.status != "confirmed":
            return
        if dice() < 0.045:
            self._then(life, visit.start + 900 + int(dice() * 3 * _HOUR), "no-show", staff)
            return
        if dice() < 0.12:
            self._then(life, visit.start - int(dice() * 600), "check-in", staff)
        if not self._then(life, visit.end + int(dice() * 2 * _HOUR), "complete", staff):
            return
        over = life.last.at
        if visit.offer.price and not visit.offer.prepaid:
            life.money = Money(self._ids.at(over), staff, over)
            if self._paid(life, over + 60, "paid"):
                life.money.taken_at = life.last.at
        if dice() < 0.2:
            self._review(life, over + 600 + int(self._dice.expovariate(1 / DAY)) % (10 * DAY))

    def _review(self, life: Life, at: int) -> None:
        if at >= self._now:
            return
        dice, quality = self._dice.random, life.visit.calendar.house.quality
        rating = sum(dice() < quality for _ in range(4)) + 1
        words = PRAISE if rating > 3 else DOUBT if rating == 3 else BLAME
        said = words[int(dice() * len(words))] if dice() < 0.7 else None
        reply = replied_at = None
        if said and dice() < 0.3:
            replied_at = at + int(dice() * 2 * DAY) + 60
            reply = REPLIES[int(dice() * 2)] if rating > 2 else REPLIES[2]
            if replied_at >= self._now:
                reply = replied_at = None
        life.review = Review(self._ids.at(at), at, rating, said, reply, replied_at)

    def _remind(self, life: Life) -> None:
        """What was due while the booking stood was sent; what will be due waits."""
        for minutes in life.visit.calendar.house.trade.reminders:
            due = life.visit.start - minutes * 60
            if due < self._now:
                version = sum(step.at < due for step in life.steps)
                if version and life.steps[version - 1].start == life.visit.start and _open(life.steps[version - 1]):
                    life.reminders.append((self._ids.at(due), minutes, version, due, due + 1))
            elif _open(life.last):
                life.reminders.append((self._ids.at(due), minutes, len(life.steps), due, None))


def _open(step: Step) -> bool:
    return step.status in ("pending", "confirmed", "checked_in")


def demo(town: Town, today: int, ids: Ids) -> list[Life]:
    """Three appointments of the demo customer with the demo provider, from tomorrow on, in the demo room."""
    lives, created, customer = [], today - _HOUR, str(DEMO_USERS["customer"])
    for number in range(3):
        start = today + (number + 1) * DAY + (9 + number) * _HOUR
        offer = Offer(f"Demo appointment {number + 1}", "", 45)
        visit = Visit(town.demo, offer, start, start + 45 * 60, False, None)
        life = Life(ids.at(created), visit, customer)
        life.steps.append(
            Step(created, "create", customer, "pending", start, visit.end, None, None, None, ids.request())
        )
        life.reminders.append((ids.at(created), 10, 1, start - 600, None))
        lives.append(life)
    return lives
