"""Paying for a booking: once, whatever is repeated; what the gateway says; who may."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from bookings.payment import jobs
from bookings.payment.gateways import sandbox
from bookings.payment.schemas import BegunPayment, Payment, PaymentPage
from tests.integration.booking.api import OUT_OF_TIME, problem, wrong_fields
from tests.integration.payment.conftest import Till, later, somebody, till_for


def test_paying_confirms_what_waited_for_it(till: Till) -> None:
    customer = till.customer()
    booking = till.book(customer, confirm=True)
    answer = till.pay(customer, booking)
    assert answer.status_code == 201, answer.text
    payment = answer.get_json()
    assert BegunPayment().validate(payment) == {}
    assert (payment["status"], payment["amount"], payment["captured"], payment["currency"]) == (
        "paid",
        5000,
        5000,
        "EUR",
    )
    assert payment["clientSecret"] is None
    assert answer.headers["Location"] == f"/payments/{payment['id']}"
    assert answer.headers["ETag"] == f'"{payment["version"]}"'
    assert [(o["kind"], o["amount"], o["state"]) for o in payment["operations"]] == [
        ("pay", 5000, "done"),
        ("capture", 5000, "done"),
    ]
    assert till.status(booking) == ("confirmed", "paid")
    assert till.effects(payment) == [("capture", 5000)]
    assert till.told(booking) == ["payment.received"]
    keys = [operation["id"] for operation in payment["operations"]]
    left = till.world.query("SELECT id FROM jobs WHERE kind = 'payment.operate' AND key = ANY (%s::text[])", keys)
    assert len(left) == 0, "what the request has done leaves no job to look at it again"


def test_paying_does_not_confirm_what_staff_must_confirm(till: Till) -> None:
    customer = till.customer()
    booking = till.book(customer)
    till.paid(customer, booking)
    assert till.status(booking) == ("pending", "paid")


def test_a_declined_card_and_a_second_one(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both payments stay readable; the booking shows the newer. The old one can bring no money any more."""
    customer = till.customer()
    booking = till.book(customer, 10002)
    first = till.paid(customer, booking)
    assert (first["status"], first["error"]) == ("failed", "card_declined")
    assert till.status(booking) == ("pending", "failed")
    # The next card is good.
    monkeypatch.setitem(sandbox.MAGIC, 10002, sandbox.Magic())
    second = till.paid(customer, booking)
    till.work()
    assert (till.payment(first)["status"], till.payment(first)["isCurrent"]) == ("cancelled", False)
    assert (second["status"], second["isCurrent"]) == ("paid", True)
    assert till.status(booking) == ("pending", "paid")
    assert till.told(booking) == ["payment.failed", "payment.received"]


def test_three_d_secure(till: Till) -> None:
    customer = till.customer()
    booking = till.book(customer, 10003)
    payment = till.paid(customer, booking)
    assert payment["status"] == "requires_action"
    assert payment["clientSecret"]
    assert till.status(booking) == ("pending", "requires_action")
    assert "secret" not in till.admin.get(f"/payments/{payment['id']}").text
    confirmed = till.order(customer, payment, "confirm")
    assert confirmed.status_code == 200, confirmed.text
    assert Payment().validate(confirmed.get_json()) == {}
    assert till.status(booking) == ("pending", "paid")
    problem(till.order(customer, payment, "confirm"), 409, "payment-refused")
    assert till.effects(payment) == [("capture", 10003)]


def test_three_d_secure_that_fails(till: Till) -> None:
    customer = till.customer()
    payment = till.paid(customer, till.book(customer, 10004))
    failed = till.order(customer, payment, "confirm").get_json()
    assert (failed["status"], failed["error"]) == ("failed", "authentication_failed")


def test_the_secret_is_for_the_payer_alone(till: Till) -> None:
    """Staff who begin the payment do not get it; the payer goes on with it."""
    customer = till.customer()
    booking = till.book(customer, 10003)
    begun = till.pay(till.staff, booking)
    assert (begun.status_code, begun.get_json()["clientSecret"]) == (201, None)
    gone_on = till.pay(customer, booking)
    assert gone_on.status_code == 200
    assert gone_on.get_json()["id"] == begun.get_json()["id"]
    assert gone_on.get_json()["clientSecret"]
    stored = till.world.query("SELECT body, headers::text FROM idempotency_keys")
    rows = till.world.query("SELECT p::text FROM payments AS p")
    told = till.world.query(
        "SELECT data::text FROM outbox WHERE type LIKE 'payment.%%' UNION SELECT data::text FROM events"
    )
    assert "_secret" not in f"{stored}{rows}{told}"


def test_nobody_is_charged_for_asking_again(till: Till) -> None:
    """By key, without a key, and after a decline under the same key."""
    customer = till.customer()
    booking = till.book(customer, 10003)
    one, two = till.pay(customer, booking, key="pay now"), till.pay(customer, booking, key="pay now")
    assert (one.status_code, two.status_code) == (201, 200)
    assert one.get_json()["id"] == two.get_json()["id"]
    assert two.get_json()["clientSecret"]
    assert two.headers["Idempotent-Replayed"] == "true"
    till.order(customer, one.get_json(), "confirm")
    refused = problem(till.pay(customer, booking), 409, "payment-exists")
    assert (refused["payment"], refused["paymentStatus"]) == (one.get_json()["id"], "paid")
    assert till.pay(customer, booking, key="pay now").get_json()["status"] == "paid"
    problem(till.pay(customer, booking, key="pay now", gateway="test"), 422, "idempotency-key-reused")
    other = till.book(customer, 10002)
    declined = [till.pay(customer, other, key="declined").get_json() for _ in range(3)]
    assert len({payment["id"] for payment in declined}) == 1


def test_many_at_once_make_one_payment(till: Till) -> None:
    customer = till.customer()
    booking = till.book(customer, 10009)
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: till.pay(till.api.as_(customer.actor), booking), range(6)))
    assert {answer.status_code for answer in answers} <= {200, 201, 409}
    (payment,) = till.admin.get("/payments", {"bookingId": booking["id"]}).get_json()["items"]
    assert payment["status"] == "paid"
    assert till.effects(payment) == [("capture", 10009)]


@pytest.mark.slow
def test_a_timeout_is_503_and_then_success(till: Till) -> None:
    """The money is taken although nobody heard so; asking again, or the job, finds out, and takes nothing twice."""
    customer = till.customer()
    booking, other = till.book(customer, 10005), till.book(customer, 10005)
    for one in (booking, other):
        refused = till.pay(customer, one)
        problem(refused, 503, "gateway-unavailable")
        assert int(refused.headers["Retry-After"]) >= 1
        assert till.status(one) == ("pending", "unpaid")
    later(till.world)
    again = till.pay(customer, booking)
    assert (again.status_code, again.get_json()["status"]) == (200, "paid")
    till.work()
    for one in (booking, other):
        assert till.status(one) == ("pending", "paid")
        (payment,) = till.admin.get("/payments", {"bookingId": one["id"]}).get_json()["items"]
        assert till.effects(payment) == [("capture", 10005)]


def test_late_success_is_found_by_asking(till: Till) -> None:
    customer = till.customer()
    booking = till.book(customer, 10006)
    payment = till.paid(customer, booking)
    assert payment["status"] == "unpaid"
    later(till.world)
    assert jobs.reconcile(till.database, till.settings) == 0
    till.world.query("UPDATE payments SET asked_at = now() - interval '3 minutes' WHERE id = %s", payment["id"])
    assert jobs.reconcile(till.database, till.settings) == 1
    till.work()
    assert till.status(booking) == ("pending", "paid")


def test_a_gateway_that_is_away_is_left_alone(till: Till) -> None:
    """Five times 503; then the circuit is open and nothing is even written. What was begun goes on later."""
    own = till_for(till.world)
    customer = own.customer()
    bookings = [own.book(customer, 10007) for _ in range(6)]
    for booking in bookings[:5]:
        problem(own.pay(customer, booking), 503, "gateway-unavailable")
    refused = own.pay(customer, bookings[5])
    problem(refused, 503, "gateway-unavailable")
    assert 25 <= int(refused.headers["Retry-After"]) <= 30
    assert own.admin.get("/payments", {"bookingId": bookings[5]["id"]}).get_json()["total"] == 0
    assert own.admin.get("/payments", {"bookingId": bookings[0]["id"]}).get_json()["items"][0]["status"] == "unpaid"
    assert own.pay(own.staff, bookings[5], gateway="manual").status_code == 201
    own.close()


def test_by_hand(till: Till) -> None:
    """Staff take cash; a customer cannot say that they did."""
    customer = till.customer()
    booking = till.book(customer, confirm=True)
    problem(till.pay(customer, booking, gateway="manual"), 403, "forbidden")
    payment = till.paid(till.staff, booking, gateway="manual")
    assert (payment["status"], payment["userId"]) == ("unpaid", str(customer.id))
    assert till.pay(till.staff, booking, gateway="manual").status_code == 200
    trail = till.world.query("SELECT * FROM audit_entries WHERE subject_id = %s", payment["id"])
    assert [(row["action"], row["actor_id"], row["after"]) for row in trail] == [
        ("payment.begin", till.provider.id, {"gateway": "manual", "amount": 5000, "currency": "EUR"})
    ]
    own = till.book(customer)
    assert not till.world.query("SELECT FROM audit_entries WHERE subject_id = %s", till.paid(customer, own)["id"])
    problem(till.order(customer, payment, "capture"), 403, "forbidden")
    taken = till.order(till.staff, payment, "capture")
    assert taken.get_json()["status"] == "paid"
    assert till.status(booking) == ("confirmed", "paid")
    problem(till.order(till.staff, payment, "capture"), 409, "payment-refused")
    assert till.order(till.staff, payment, "refund", amount=2000).get_json()["refunded"] == 2000
    assert till.status(booking) == ("confirmed", "partially_refunded")


def test_by_hand_it_is_all_or_nothing(till: Till) -> None:
    """A part would confirm the booking, and the rest could never be taken."""
    customer = till.customer()
    booking = till.book(customer, confirm=True)
    payment = till.paid(till.staff, booking, gateway="manual")
    for part in (1, 4999):
        assert wrong_fields(till.order(till.staff, payment, "capture", amount=part)) == ["amount"]
    problem(till.order(till.staff, payment, "capture", amount=5001), 409, "payment-refused")
    assert till.status(booking) == ("pending", "unpaid")
    assert till.order(till.staff, payment, "capture", amount=5000).get_json()["captured"] == 5000
    assert till.status(booking) == ("confirmed", "paid")


@pytest.mark.parametrize("gateway,status", [("stripe", 403), ("paypal", 422)])
def test_gateways_that_are_not_offered(till: Till, gateway: str, status: int) -> None:
    customer = till.customer()
    assert till.pay(customer, till.book(customer), gateway=gateway).status_code == status


def test_nothing_to_pay(till: Till) -> None:
    customer = till.customer()
    free = customer.booked(day=300, providerId=till.world.provider().id)
    problem(till.pay(customer, free), 409, "nothing-to-pay")
    gone = till.book(customer)
    customer.act(gone, "cancel")
    problem(till.pay(customer, gone), 409, "nothing-to-pay")
    problem(till.pay(somebody(till, "customer"), till.book(customer)), 404, "not-found")


def test_what_is_sent_is_checked(till: Till) -> None:
    customer = till.customer()
    booking = till.book(customer)
    assert wrong_fields(till.pay(customer, booking, amount=1)) == ["amount"]
    payment = till.paid(customer, booking)
    for wrong in (0, -1, 1.5, "5", 10**13, True):
        assert wrong_fields(till.order(till.staff, payment, "refund", amount=wrong)) == ["amount"]


def test_lists(till: Till) -> None:
    """One's own, newest first; everybody's for an admin; by page and by cursor, with filters."""
    customer = till.customer()
    made = [till.paid(customer, till.book(customer))["id"] for _ in range(5)][::-1]
    other = till.customer()
    till.paid(other, till.book(other))
    page = customer.get("/payments", {"limit": 2})
    assert PaymentPage().validate(page.get_json()) == {}
    assert [item["id"] for item in page.get_json()["items"]] == made[:2]
    assert (page.get_json()["total"], page.get_json()["totalIsExact"]) == (5, True)
    seen, cursor = [], page.get_json()["nextCursor"]
    while cursor:
        rest = customer.get("/payments", {"limit": 2, "cursor": cursor}).get_json()
        seen += [item["id"] for item in rest["items"]]
        cursor = rest["nextCursor"]
    assert seen == made[2:]
    assert customer.get("/payments", {"status": "failed,refunded"}).get_json()["items"] == []
    assert till.admin.get("/payments", {"userId": str(customer.id), "status": "paid"}).get_json()["total"] == 5
    assert till.admin.get("/payments", {"limit": 100}).get_json()["total"] > 5
    assert till.admin.get("/payments", {"to": "2020-01-01T00:00:00Z"}).get_json()["total"] == 0
    problem(customer.get("/payments", {"userId": str(till.provider.id)}), 403, "forbidden")
    for wrong in ("x", *OUT_OF_TIME):
        assert wrong_fields(customer.get("/payments", {"cursor": wrong})) == ["cursor"]


def test_a_provider_lists_what_is_paid_for_what_they_provide(till: Till) -> None:
    """And what they pay themselves; whoever else provides something sees nothing of it."""
    customer, other = till.customer(), somebody(till, "provider")
    booking = till.book(customer)
    payment = till.paid(customer, booking)
    assert till.staff.get("/payments").get_json()["items"][0]["id"] == payment["id"]
    chosen = {"bookingId": booking["id"]}
    found = till.staff.get("/payments", chosen).get_json()
    assert ([item["id"] for item in found["items"]], found["total"]) == ([payment["id"]], 1)
    for query in ({}, chosen):
        seen = other.get("/payments", query).get_json()
        assert (seen["items"], seen["total"]) == ([], 0)
    till.staff.act(booking, "cancel")
    assert till.staff.get("/payments", chosen).get_json()["total"] == 1
    assert till.staff.get("/payments", chosen | {"userId": str(till.provider.id)}).get_json()["total"] == 0
    problem(till.staff.get("/payments", {"userId": str(customer.id)}), 403, "forbidden")
    mine = till.paid(other, till.book(other))
    assert [item["id"] for item in other.get("/payments").get_json()["items"]] == [mine["id"]]


def test_a_version_one_has_is_not_sent_again(till: Till) -> None:
    customer = till.customer()
    payment = till.paid(customer, till.book(customer))
    path, tag = f"/payments/{payment['id']}", f'"{payment["version"]}"'
    assert customer.get(path, If_None_Match=tag).status_code == 304
    stale = till.staff.call("POST", f"{path}/refund", {}, If_Match='"1"')
    assert problem(stale, 412, "precondition-failed")["current"]["id"] == payment["id"]
    assert till.staff.call("POST", f"{path}/refund", {"amount": 1}, If_Match=tag).status_code == 200


def test_the_slow_one_is_only_slow(till: Till) -> None:
    assert sandbox.SLOW == 0.05
    customer = till.customer()
    assert till.paid(customer, till.book(customer, 10009))["status"] == "paid"
