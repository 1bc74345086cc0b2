-- A notification becomes a row with a life: one for each recipient, cause, subject and channel, and what became of it.

ALTER TABLE notifications
    -- in which role the recipient is told: each has words of its own
    ADD COLUMN audience text NOT NULL DEFAULT 'customer',
    -- what it is of, as `booking:<id>:<version>` or `reminder:<id>`: with it nobody is told the same thing twice
    ADD COLUMN subject text,
    ADD COLUMN status text NOT NULL DEFAULT 'sent',
    ADD COLUMN attempts integer NOT NULL DEFAULT 0,
    ADD COLUMN last_error text,
    ADD COLUMN sent_at timestamptz,
    -- somebody behind the mail server says that it arrived
    ADD COLUMN delivered_at timestamptz,
    ADD COLUMN read_at timestamptz,
    ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now();

-- Until now there were reminders in the log, and they kept the whole booking beside the reminder.
UPDATE notifications SET
    subject = coalesce('reminder:' || reminder_id, 'notification:' || id),
    sent_at = created_at, updated_at = created_at,
    data = json_build_object('booking', (data::jsonb - ARRAY['reminder', 'description', 'notes']),
                             'reminder', data -> 'reminder');

ALTER TABLE notifications
    ALTER COLUMN id DROP DEFAULT,
    ALTER COLUMN audience DROP DEFAULT,
    ALTER COLUMN status DROP DEFAULT,
    ALTER COLUMN subject SET NOT NULL,
    DROP CONSTRAINT notifications_once_per_reminder,
    ADD CONSTRAINT notifications_once UNIQUE (recipient_id, cause, subject, channel),
    ADD CONSTRAINT notifications_audience_known CHECK (audience IN ('customer', 'provider')),
    ADD CONSTRAINT notifications_channel_known CHECK (channel IN ('in_app', 'email', 'log')),
    ADD CONSTRAINT notifications_status_known CHECK (status IN ('queued', 'sending', 'sent', 'failed', 'dead')),
    ADD CONSTRAINT notifications_sent_at_known CHECK (status <> 'sent' OR sent_at IS NOT NULL),
    ADD CONSTRAINT notifications_failed_why CHECK (status NOT IN ('failed', 'dead') OR last_error IS NOT NULL);

DROP INDEX notifications_by_recipient;
CREATE INDEX notifications_in_app ON notifications (recipient_id, created_at, id) WHERE channel = 'in_app';
CREATE INDEX notifications_unread ON notifications (recipient_id) WHERE channel = 'in_app' AND read_at IS NULL;
CREATE INDEX notifications_by_creation ON notifications (created_at, id);
CREATE INDEX notifications_not_sent ON notifications (status, created_at, id) WHERE status <> 'sent';
CREATE INDEX notifications_by_reminder ON notifications (reminder_id) WHERE reminder_id IS NOT NULL;
-- mails about one booking leave in the order in which they were written
CREATE INDEX notifications_open_mails ON notifications (booking_id, recipient_id, created_at)
    WHERE channel = 'email' AND status IN ('queued', 'sending', 'failed');

-- From this moment on events are told: also those that come before the first worker that knows how.
INSERT INTO event_consumers (name, position) SELECT 'notification', coalesce(max(position), 0) FROM events
ON CONFLICT DO NOTHING;
