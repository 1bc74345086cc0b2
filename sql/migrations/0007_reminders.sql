-- What is to be announced, to whom, when; and what has been.

CREATE TABLE reminders (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    -- written by the statement that writes the booking, so it needs no foreign key
    booking_id      uuid NOT NULL,
    -- the version it speaks of: a reminder of an older version is never sent
    booking_version integer NOT NULL,
    recipient_id    uuid NOT NULL,
    lead            interval NOT NULL,
    due_at          timestamptz NOT NULL,
    -- a delayed task has been scheduled and is trusted until then
    leased_until    timestamptz,
    sent_at         timestamptz,
    CONSTRAINT reminders_once UNIQUE (booking_id, booking_version, recipient_id, lead)
);
CREATE INDEX reminders_due ON reminders (due_at) WHERE sent_at IS NULL;

CREATE TABLE notifications (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    recipient_id uuid NOT NULL CONSTRAINT notifications_recipient_known REFERENCES users (id),
    booking_id   uuid CONSTRAINT notifications_booking_known REFERENCES bookings (id),
    cause        text NOT NULL,
    channel      text NOT NULL,
    reminder_id  uuid CONSTRAINT notifications_reminder_known REFERENCES reminders (id),
    data         json NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT notifications_once_per_reminder UNIQUE (reminder_id, channel)
);
CREATE INDEX notifications_by_recipient ON notifications (recipient_id, created_at);
