"""A life as rows of the tables it belongs to."""

from __future__ import annotations

from seeding import text
from seeding.lives import SYSTEM, Life, Money, Step
from seeding.text import NULL, document, instant
from seeding.town import DEMO_USERS

#: table → columns, in the order in which tables are filled
COLUMNS = {
    "bookings": "id, user_id, resource_ids, provider_id, workspace_id, start_at, end_at, units, status, title,"
    " status_reason, version, created_by, created_at, updated_at, service_id, party_size, price_amount, currency,"
    " payment_required, payment_status, confirm_when_paid, buffer_before_minutes, buffer_after_minutes, session_places,"
    " cancellation_policy, reminder_leads",
    "allocations": "resource_id, exclusive, during, units, places, booking_id, start_at, released_at",
    "seeded_steps": "booking_id, version, at, action, type, status, start_at, end_at, payment_status, reason,"
    " status_reason, actor_id, request_id, updated_at, lead, reminder_id, audited_as, audit_before, audit_after",
    "reminders": "id, booking_id, booking_version, recipient_id, lead, due_at, sent_at",
    "payments": "id, booking_id, user_id, gateway, gateway_ref, status, amount, currency, captured, refunded, attempts,"
    " asked_at, expires_at, version, created_by, created_at, updated_at",
    "payment_operations": "id, payment_id, kind, amount, state, reason, attempts, actor_id, request_id, created_at,"
    " finished_at",
    "reviews": "id, booking_id, author_id, service_id, provider_id, workspace_id, resource_ids, rating, text, reply,"
    " replied_by, replied_at, version, created_at, updated_at",
}
_TYPES = {
    "create": "created",
    "reschedule": "rescheduled",
    "confirm": "confirmed",
    "decline": "declined",
    "cancel": "cancelled",
    "check-in": "checked-in",
    "complete": "completed",
    "no-show": "no-show",
    "payment": "payment-changed",
}
_ADMIN = str(DEMO_USERS["admin"])
#: PAYMENT_TTL as it is by default
_TTL = 1800
_policies: dict[int, str] = {}


class Batch:
    """Rows of many lives, by table."""

    def __init__(self) -> None:
        self.lines: dict[str, list[str]] = {table: [] for table in COLUMNS}

    def add(self, life: Life, leads: dict[tuple[int, ...], str]) -> None:
        """Everything of one life. `leads` remembers the texts of reminder leads."""
        visit = life.visit
        calendar, trade = visit.calendar, visit.calendar.house.trade
        resources = [id for id in (calendar.provider, calendar.room, visit.device) if id]
        named = "{" + ",".join(resources) + "}"
        service = calendar.house.services.get(visit.offer.name, NULL)
        self._booking(life, named, service, leads.setdefault(trade.reminders, _leads(trade.reminders)))
        self._claims(life, resources)
        for version, step in enumerate(life.steps, 1):
            self._step(life, version, step)
        for reminder in life.reminders:
            self._reminder(life, reminder)
        if life.money:
            self._money(life, life.money)
        if life.review:
            said, provider = life.review, calendar.provider or NULL
            signed = f"{calendar.owner}\t{instant(said.replied_at)}" if said.replied_at else f"{NULL}\t{NULL}"
            self.lines["reviews"].append(
                f"{said.id}\t{life.id}\t{life.user}\t{service}\t{provider}\t{calendar.room}\t{named}\t{said.rating}"
                f"\t{said.text or NULL}\t{said.reply or NULL}\t{signed}\t{2 if said.reply else 1}\t{instant(said.at)}"
                f"\t{instant(said.replied_at or said.at)}\n"
            )

    def _booking(self, life: Life, named: str, service: str, leads: str) -> None:
        visit, last, offer = life.visit, life.last, life.visit.offer
        if id(offer) not in _policies:
            _policies[id(offer)] = document(offer.policy)
        price = f"{NULL}\t{NULL}" if service is NULL else f"{offer.price or 0}\tEUR"
        places = visit.calendar.house.trade.places if visit.calendar.house.trade.places > 1 else NULL
        prepaid = "t" if offer.prepaid else "f"
        self.lines["bookings"].append(
            f"{life.id}\t{life.user}\t{named}\t{visit.calendar.provider or NULL}\t{visit.calendar.room}"
            f"\t{instant(last.start)}\t{instant(last.end)}\t{visit.units}\t{last.status}\t{offer.name}"
            f"\t{last.status_reason or NULL}\t{len(life.steps)}\t{life.steps[0].actor}\t{instant(life.steps[0].at)}"
            f"\t{instant(last.at)}\t{service}\t{visit.units}\t{price}\t{prepaid}\t{last.payment or NULL}\t{prepaid}"
            f"\t{offer.before}\t{offer.after}\t{places}\t{_policies[id(offer)]}\t{leads}\n"
        )

    def _claims(self, life: Life, resources: list[str]) -> None:
        visit, last = life.visit, life.last
        start = instant(visit.start)
        buffered = instant(visit.start - visit.offer.before * 60), instant(visit.end + visit.offer.after * 60)
        during = f"[{buffered[0]},{buffered[1]})"
        places = visit.calendar.house.trade.places
        released = instant(_called_off(life).at) if last.status in ("cancelled", "declined") else NULL
        guard, kept = ("f", str(places)) if places > 1 else ("t", NULL)
        for resource in resources:
            self.lines["allocations"].append(
                f"{resource}\t{guard}\t{during}\t{visit.units}\t{kept}\t{life.id}\t{start}\t{released}\n"
            )

    def _money(self, life: Life, money: Money) -> None:
        """A payment and its ledger: begun, taken, given back."""
        price, at = life.visit.offer.price or 0, instant(money.asked_at)
        gateway, by = ("manual", money.taken_by) if money.taken_by else ("test", life.user)
        ref = money.id if money.taken_by else f"seeded_{money.id}"
        expires = instant(money.asked_at + _TTL) if life.visit.offer.prepaid else NULL
        captured, last = price if money.taken_at else 0, money.back_at or money.taken_at or money.asked_at
        status = "unpaid" if not captured else "paid" if not money.refunded else "refunded"
        if 0 < money.refunded < price:
            status = "partially_refunded"
        version = 1 + bool(captured) + 2 * bool(money.refunded)
        self.lines["payments"].append(
            f"{money.id}\t{life.id}\t{life.user}\t{gateway}\t{ref}\t{status}\t{price}\tEUR\t{captured}\t{money.refunded}"
            f"\t1\t{at}\t{expires}\t{version}\t{by}\t{at}\t{instant(last)}\n"
        )
        steps = [("pay", price, money.asked_at, by, NULL)]
        if money.taken_at:
            steps.append(("capture", price, money.taken_at, money.taken_by or NULL, NULL))
        if money.back_at:
            why = f"Booking {life.last.status}: {money.percent}% are given back."
            steps.append(("refund", money.refunded, money.back_at, SYSTEM, why))
        for number, (kind, amount, when, actor, why) in enumerate(steps):
            id = f"{money.id[:-2]}{number:02x}"
            request = NULL if actor in (NULL, SYSTEM) else f"seed{money.id.replace('-', '')}"
            moment = instant(when)
            self.lines["payment_operations"].append(
                f"{id}\t{money.id}\t{kind}\t{amount}\tdone\t{why}\t1\t{actor}\t{request}\t{moment}\t{moment}\n"
            )

    def _step(self, life: Life, version: int, step: Step) -> None:
        audited = f"{NULL}\t{NULL}\t{NULL}"
        if step.actor not in (life.user, SYSTEM):
            role = "admin" if step.actor == _ADMIN else "provider"
            audited = f"{role}\t{_audited(life, version, step)}"
        at = instant(step.at)
        self.lines["seeded_steps"].append(
            f"{life.id}\t{version}\t{at}\t{step.action}\tbooking.{_TYPES[step.action]}\t{step.status}"
            f"\t{instant(step.start)}\t{instant(step.end)}\t{step.payment or NULL}\t{step.reason or NULL}"
            f"\t{step.status_reason or NULL}\t{step.actor}\t{step.request or NULL}\t{at}\t{NULL}\t{NULL}\t{audited}\n"
        )

    def _reminder(self, life: Life, reminder: tuple[str, int, int, int, int | None]) -> None:
        id, minutes, version, due, sent = reminder
        sent_at = instant(sent) if sent else NULL
        self.lines["reminders"].append(
            f"{id}\t{life.id}\t{version}\t{life.user}\t{minutes} minutes\t{instant(due)}\t{sent_at}\n"
        )
        if sent is None:
            return
        step = life.steps[version - 1]
        self.lines["seeded_steps"].append(
            f"{life.id}\t{version}\t{sent_at}\treminder\tbooking.reminder\t{step.status}\t{instant(step.start)}"
            f"\t{instant(step.end)}\t{step.payment or NULL}\t{NULL}\t{step.status_reason or NULL}\t{NULL}\t{NULL}"
            f"\t{instant(step.at)}\t{minutes} minutes\t{id}\t{NULL}\t{NULL}\t{NULL}\n"
        )


def _leads(minutes: tuple[int, ...]) -> str:
    return text.array(f"{m * 60} seconds" for m in minutes)


def _called_off(life: Life) -> Step:
    return next(step for step in life.steps if step.status in ("cancelled", "declined"))


def _audited(life: Life, version: int, step: Step) -> str:
    """Before and after, as the service writes them: of a new booking whose it is, of a change what changed."""
    if version == 1:
        return f'{NULL}\t{{"userId":"{life.user}","status":"{step.status}"}}'
    was, before, after = life.steps[version - 2], {}, {}
    if was.status != step.status:
        before["status"], after["status"] = was.status, step.status
    if was.status_reason != step.status_reason:
        before["statusReason"], after["statusReason"] = was.status_reason or "", step.status_reason or ""
    return f"{document(before)}\t{document(after)}"
