-- What was agreed with a booking about calling off, moving and coming, beside its price; what became of that; and
-- which claims staff have taken on purpose beside others.

ALTER TABLE bookings
    -- the policy rules as they were when it was made; null: none
    ADD COLUMN policy jsonb,
    -- how often its customer has moved it
    ADD COLUMN reschedules integer NOT NULL DEFAULT 0,
    -- fees that became due, in minor units of its currency; null: none
    ADD COLUMN fee_amount bigint,
    -- when its time was last taken, staff took it beside somebody else's
    ADD COLUMN overbooked boolean NOT NULL DEFAULT false,
    -- nobody came: from then on it claims nothing, though it was not called off
    ADD COLUMN released_at timestamptz;

-- Bookings that are to be released when nobody comes; after that they are not confirmed any more.
CREATE INDEX bookings_unattended ON bookings (start_at) WHERE policy IS NOT NULL AND status = 'confirmed';
-- What may become an ordinary claim when the one beside it leaves.
CREATE INDEX allocations_overbooked ON allocations (resource_id) WHERE overbooked AND released_at IS NULL;
