"""Each data check can see: the data is damaged on purpose, and exactly the checks that should notice do.

The constraints and triggers that prevent such damage are taken away first, in a transaction that is undone.
"""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

import check_data
from bookings import create_app, queries
from bookings.notification import service as notification
from tests.factories import World
from tests.integration.booking.api import Api
from tests.support import damages
from tests.support.people import NO_REDIS, settings_for

GUARDS = """
ALTER TABLE allocations DROP CONSTRAINT allocations_no_overlap;
ALTER TABLE booking_history DROP CONSTRAINT booking_history_pkey;
ALTER TABLE notifications DROP CONSTRAINT notifications_once;
ALTER TABLE reviews DROP CONSTRAINT reviews_once_per_booking;
ALTER TABLE reports DROP CONSTRAINT reports_once_per_period;
ALTER TABLE reports DROP CONSTRAINT reports_finished_whole;
DROP INDEX jobs_one_open;
"""
#: which checks must see which damage of damages.sql
SEEN_BY = {
    "second_claim_of_the_providers_time": {
        "booking.claim_disagrees",
        "booking.double_booked",
        "booking.over_capacity",
    },
    "more_units_than_the_room_has": {"booking.claim_disagrees", "booking.over_capacity"},
    "flag_that_hides_a_claim_from_its_constraint": {"booking.exclusive_flag_wrong"},
    "claim_of_no_time": {"booking.claim_disagrees", "booking.claim_of_nothing"},
    "claim_of_a_booking_that_never_was": {"booking.claim_of_nothing"},
    "booking_of_no_time": {"booking.history_disagrees", "booking.no_time"},
    "claim_lost": {"booking.booking_without_claim"},
    "claim_released_under_a_live_booking": {"booking.booking_without_claim"},
    "claim_kept_by_a_cancelled_booking": {"booking.claim_of_called_off_booking"},
    "claim_at_another_time": {"booking.claim_disagrees"},
    "resource_named_twice": {"booking.named_twice", "event.document_of_other_resources"},
    "provider_that_is_a_room": {"booking.named_twice"},
    "price_without_currency": {"booking.terms_broken"},
    "payment_status_that_nobody_knows": {"booking.terms_broken"},
    "fee_of_no_currency": {"booking.policy_broken"},
    "moved_too_often": {"booking.policy_broken"},
    "released_but_coming": {"booking.policy_broken"},
    "claim_kept_by_a_released_booking": {"booking.claim_of_called_off_booking", "booking.history_disagrees"},
    "overbooked_in_secret": {"booking.overbooked_unsaid"},
    "version_without_history": {"booking.history_incomplete"},
    "same_version_twice_in_history": {"booking.history_incomplete"},
    "status_changed_without_a_version": {"booking.history_disagrees"},
    "step_that_the_state_machine_does_not_know": {"booking.impossible_step", "event.told_otherwise"},
    "session_with_too_many": {"booking.over_places"},
    "booking_of_a_series_that_is_not": {"series.booking_of_no_series"},
    "booking_of_no_time_of_its_series": {"series.booking_of_no_series"},
    "series_of_nothing": {"series.series_of_nothing", "series.split_from_nothing"},
    "more_named_than_come": {"series.more_named_than_come"},
    "attendee_of_nothing": {"series.attendee_of_nothing"},
    "service_with_another_lowest_price": {"catalogue.price_from_wrong"},
    "service_without_durations": {"catalogue.durations_broken", "catalogue.price_from_wrong"},
    "service_that_needs_what_is_not": {"catalogue.requirement_of_what_is_not"},
    "rating_of_six": {"catalogue.rating_impossible", "review.rating_wrong"},
    "booking_of_a_service_that_is_not": {"catalogue.booking_of_no_service"},
    "position_lost": {"event.gap_in_positions"},
    "event_lost_on_the_way": {"event.version_without_event"},
    "event_told_twice": {"event.told_out_of_order", "event.version_told_twice"},
    "events_that_overtook_each_other": {"event.pruned_but_there", "event.told_out_of_order"},
    "event_of_another_kind": {"event.told_otherwise"},
    "event_with_another_time": {"event.told_otherwise"},
    "event_for_nobody": {"event.told_to_the_wrong"},
    "event_of_another_claim": {"event.document_of_other_resources", "event.told_to_the_wrong"},
    "event_for_a_stranger": {"event.told_to_the_wrong"},
    "reminder_of_a_version_that_is_past": {"notification.reminder_of_what_is_not"},
    "reminder_of_a_cancelled_booking": {"notification.reminder_of_what_is_not"},
    "reminder_at_the_wrong_time": {"notification.reminder_of_what_is_not"},
    "reminder_sent_twice": {
        "notification.sent_twice",
        "notification.sent_without_event",
        "notification.sent_without_notification",
    },
    "reminder_sent_too_early": {"notification.sent_too_early"},
    "reminder_said_to_be_sent": {"notification.sent_without_event", "notification.sent_without_notification"},
    "notification_lost": {"notification.sent_without_notification"},
    "notification_written_twice": {"notification.told_twice"},
    "notification_to_somebody_else": {"notification.told_another_customer"},
    "notification_in_the_app_that_failed": {"notification.impossible_state"},
    "mail_that_nobody_sends": {"notification.mail_without_job"},
    "mail_said_to_be_sent": {"notification.impossible_state", "notification.mail_sent_without_event"},
    "notification_announced_twice": {"notification.in_app_without_event"},
    "reminder_announced_twice": {"notification.sent_without_event"},
    "review_of_what_did_not_take_place": {"review.of_what_did_not_take_place"},
    "review_by_somebody_else": {"review.by_somebody_else", "review.of_what_did_not_take_place"},
    "booking_reviewed_twice": {"review.reviewed_twice", "review.of_what_did_not_take_place"},
    "star_that_nobody_gave": {"review.rating_wrong", "review.totals_wrong"},
    "star_beside_a_name": {"review.rating_wrong"},
    "review_shown_without_its_booking": {"review.not_with_its_booking", "review.of_what_did_not_take_place"},
    "report_without_its_file": {"report.made_but_not_whole"},
    "report_that_nobody_makes": {"report.nobody_makes_it"},
    "period_reported_twice": {"report.period_made_twice"},
    "report_told_twice": {"report.told_twice"},
    "account_erased_in_name_only": {"account.erased_is_not_empty"},
    "audit_entry_lost": {"audit.staff_change_without_entry"},
    "audit_entry_made_up": {"audit.entry_of_nothing"},
    "audit_entry_with_a_secret": {"audit.secret_kept"},
    "answer_that_points_nowhere": {"idempotency.answer_of_nothing"},
    "answer_with_another_bookings_body": {"idempotency.answer_of_nothing"},
    "one_booking_under_two_keys": {"idempotency.made_under_two_keys"},
    "two_open_jobs_of_a_key": {"job.two_open_of_a_key"},
    "job_that_failed_without_a_word": {"job.state_without_its_story"},
    "job_that_goes_on_after_its_last_attempt": {"job.failed_for_the_last_time"},
    "death_told_of_a_living_job": {"job.told_of_what_lives"},
    "events_deleted_by_hand": {"event.pruned_but_there", "event.version_without_event"},
    "consumer_that_read_the_future": {"job.consumer_ahead_of_events"},
}
#: whose damages lie beside their own tests: tests/integration/<domain>/
ELSEWHERE = {"availability", "payment", "hold", "waitlist", "feed", "overview"}
DAMAGES = queries.load("damages", Path(__file__).parent)


@pytest.fixture(scope="module")
def url(module_database_url: str) -> str:
    """A little life: a booking that was changed and reminded of, one that waits, one that was cancelled."""
    settings = settings_for(module_database_url, NO_REDIS)
    world, app = World(module_database_url), create_app(settings)
    customer, admin = Api(app, world).as_(world.user()), Api(app, world).as_(world.admin())
    room = world.resource(capacity=2)
    service = {"name": "Check-up", "durations": [{"minutes": 60, "price": 100}], "currency": "EUR"}
    service["requirements"] = [{"kind": "workspace", "resourceIds": [str(room)]}]
    assert admin.call("POST", "/services", service).status_code == 201
    one = customer.booked(title="one", providerId=world.provider().id, workspaceId=room, key="a key")
    customer.booked(title="other", workspaceId=room)
    gone = customer.booked(12, 13, title="gone", workspaceId=room)
    assert customer.act(gone, "cancel").status_code == 200
    one = dict(customer.change(one, notes="changed").json or {})
    for day in (1, 2):
        admin.booked(day=day, title=f"for somebody else {day}", workspaceId=room, userId=customer.id)
    world.query(
        """UPDATE reminders SET due_at = date_trunc('second', now()), lead = start_at - date_trunc('second', now())
             FROM bookings AS b WHERE b.id = booking_id AND b.title = 'one'"""
    )
    reminder = world.query("SELECT id FROM reminders WHERE booking_id = %s", one["id"])[0]
    assert notification.deliver(app.extensions["database"], settings, reminder["id"]) == 1
    # Half of it is published: the history of `one` and `gone`.
    world.query(
        """WITH moved AS (DELETE FROM outbox WHERE type <> 'booking.reminder'
               AND booking_id <> (SELECT id FROM bookings WHERE title = 'other') RETURNING *)
           INSERT INTO events (position, type, booking_id, topics, data, occurred_at)
           SELECT row_number() OVER (ORDER BY seq), type, booking_id, topics, data, occurred_at FROM moved"""
    )
    app.extensions["database"].close()
    world.close()
    return module_database_url


def test_sound_data_is_found_sound(url: str) -> None:
    assert damages.found(url) == set()


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", DAMAGES.texts)
def test_damage_is_seen(url: str, name: str) -> None:
    assert damages.seen(url, DAMAGES, name, GUARDS) == SEEN_BY[name]


@pytest.mark.slow
def test_the_command_says_what_it_found(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    assert check_data.main([]) == 0
    assert "booking.double_booked" in capsys.readouterr().out
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE events SET position = position + 10 WHERE position > 1")
    assert check_data.main([]) == 1
    assert "before=1, position=12" in capsys.readouterr().out
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE events SET position = position - 10 WHERE position > 1")


@pytest.mark.parametrize("address", ["", "postgresql://nobody@127.0.0.1:1/nothing"])
def test_the_command_without_a_database(
    address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", address)
    assert check_data.main([]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_every_check_has_a_damage() -> None:
    domains = {file.stem for file in check_data.CHECKS.glob("*.sql")} - ELSEWHERE
    assert damages.checks_of(*domains) == set().union(*SEEN_BY.values())
