-- What was agreed when a booking was made, kept with it: changing a service later changes no booking. No checks here:
-- each would be evaluated for every booking; sql/checks/ looks instead.

ALTER TABLE bookings
    -- what was sold; null for a booking of plain time
    ADD COLUMN service_id            uuid,
    ADD COLUMN party_size            integer NOT NULL DEFAULT 1,
    -- in minor units of the currency (ISO 4217); null when nothing is sold
    ADD COLUMN price_amount          bigint,
    ADD COLUMN currency              text,
    ADD COLUMN payment_required      boolean NOT NULL DEFAULT false,
    -- unpaid, requires_action, authorized, paid, partially_refunded, refunded, failed, expired; null when there is
    -- nothing to pay
    ADD COLUMN payment_status        text,
    -- payment confirms it, nobody else needs to
    ADD COLUMN confirm_when_paid     boolean NOT NULL DEFAULT false,
    -- claimed before the start and after the end, on top of the booking's own time
    ADD COLUMN buffer_before_minutes integer NOT NULL DEFAULT 0,
    ADD COLUMN buffer_after_minutes  integer NOT NULL DEFAULT 0,
    -- what is given back when; null: everything, always
    ADD COLUMN cancellation_policy   jsonb,
    -- null: REMINDER_LEAD
    ADD COLUMN reminder_leads        interval[];
