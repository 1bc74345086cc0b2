-- Bookings that were made together by a recurrence rule, and the people who come with whoever booked.

-- What a series was made from. Its occurrences are ordinary bookings, each cancelled, moved and told of by itself.
CREATE TABLE series (
    id         uuid NOT NULL,
    user_id    uuid NOT NULL,
    service_id uuid,
    -- RFC 5545, without DTSTART; null: its bookings have been moved so that no rule describes them any more
    rrule      text,
    -- wall-clock times of this zone are kept when clocks change
    time_zone  text NOT NULL,
    starts_at  timestamp NOT NULL,
    -- dates of the rule that are left out on purpose
    exdates    date[] NOT NULL DEFAULT '{}',
    -- the series that it was a part of until a change of this and all that follow
    split_from uuid,
    version    integer NOT NULL DEFAULT 1,
    created_by uuid NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT series_pkey PRIMARY KEY (id)
);
CREATE INDEX series_of_user ON series (user_id, created_at);

ALTER TABLE bookings
    ADD COLUMN series_id   uuid,
    -- the wall-clock time of the series that it stands for, also when it was moved away from it
    ADD COLUMN occurrence  timestamp,
    -- what each place adds to the price, as agreed: what somebody who drops out need not pay. Null: nothing
    ADD COLUMN place_price bigint;

-- Who comes besides whoever booked, as far as they say. No event or document of a booking names them.
CREATE TABLE attendees (
    id         uuid NOT NULL,
    booking_id uuid NOT NULL,
    name       text,
    email      text,
    created_at timestamptz NOT NULL,
    CONSTRAINT attendees_pkey PRIMARY KEY (id)
);
CREATE INDEX attendees_of_booking ON attendees (booking_id, created_at);
CREATE INDEX attendees_by_email ON attendees (lower(email));
