-- What is owed for a booking, what was taken and given back. All amounts are whole minor units of the currency.

CREATE TABLE payments (
    id            uuid PRIMARY KEY,
    booking_id    uuid NOT NULL CONSTRAINT payments_booking_known REFERENCES bookings (id),
    -- who pays: the booking's customer
    user_id       uuid NOT NULL,
    gateway       text NOT NULL,
    -- the gateway's own name for it; null until the gateway has answered once
    gateway_ref   text,
    status        text NOT NULL DEFAULT 'unpaid',
    amount        bigint NOT NULL,
    currency      text NOT NULL,
    captured      bigint NOT NULL DEFAULT 0,
    refunded      bigint NOT NULL DEFAULT 0,
    -- promised to the payer but not yet given back: the sum of pending refunds
    refunding     bigint NOT NULL DEFAULT 0,
    -- money is reserved first and taken when staff say so
    capture_later boolean NOT NULL DEFAULT false,
    -- the newest payment of its booking, whose status the booking shows; older ones have failed or were given back
    is_current    boolean NOT NULL DEFAULT true,
    -- how often the gateway was asked about it, and when the last time
    attempts      integer NOT NULL DEFAULT 0,
    asked_at      timestamptz,
    -- the gateway's word for what went wrong last
    error         text,
    -- when it is given up if nothing has been paid; null: never by itself
    expires_at    timestamptz,
    version       integer NOT NULL DEFAULT 1,
    created_by    uuid NOT NULL,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    CONSTRAINT payments_amount_positive CHECK (amount > 0),
    CONSTRAINT payments_captured_within_amount CHECK (captured BETWEEN 0 AND amount),
    -- two simultaneous refunds are two updates of this row: the second one meets this
    CONSTRAINT payments_refunds_covered CHECK (refunded >= 0 AND refunding >= 0 AND refunded + refunding <= captured),
    CONSTRAINT payments_status_known CHECK (status IN ('unpaid', 'requires_action', 'authorized', 'paid',
        'partially_refunded', 'refunded', 'failed', 'expired', 'cancelled')),
    CONSTRAINT payments_status_fits CHECK (CASE status
        WHEN 'paid' THEN captured > 0 AND refunded = 0
        WHEN 'partially_refunded' THEN refunded > 0 AND refunded < captured
        WHEN 'refunded' THEN captured > 0 AND refunded = captured
        ELSE captured = 0 END),
    CONSTRAINT payments_ref_once UNIQUE (gateway, gateway_ref),
    -- (an exclusion, because a partial unique index is no constraint with a name)
    CONSTRAINT payments_one_current EXCLUDE USING btree (booking_id WITH =) WHERE (is_current)
);
CREATE INDEX payments_by_booking ON payments (booking_id);
CREATE INDEX payments_by_user ON payments (user_id, created_at, id);
CREATE INDEX payments_by_creation ON payments (created_at, id);
-- those somebody still has to hear about
CREATE INDEX payments_in_between ON payments (asked_at) WHERE status IN ('unpaid', 'requires_action', 'authorized');

-- The state machine, as docs/payments.md draws it. The last two lines are late news from a gateway: money that comes
-- after we had given up is still money.
CREATE TABLE payment_transitions (
    from_status text NOT NULL,
    to_status   text NOT NULL,
    PRIMARY KEY (from_status, to_status)
);
INSERT INTO payment_transitions (from_status, to_status) VALUES
    ('unpaid', 'requires_action'), ('unpaid', 'authorized'), ('unpaid', 'paid'), ('unpaid', 'failed'),
    ('unpaid', 'expired'), ('unpaid', 'cancelled'),
    ('requires_action', 'unpaid'), ('requires_action', 'authorized'), ('requires_action', 'paid'),
    ('requires_action', 'failed'), ('requires_action', 'expired'), ('requires_action', 'cancelled'),
    ('authorized', 'paid'), ('authorized', 'failed'), ('authorized', 'expired'), ('authorized', 'cancelled'),
    ('paid', 'partially_refunded'), ('paid', 'refunded'), ('partially_refunded', 'refunded'),
    ('failed', 'unpaid'), ('failed', 'requires_action'), ('failed', 'authorized'), ('failed', 'paid'),
    ('failed', 'expired'), ('failed', 'cancelled'),
    ('cancelled', 'expired'),
    ('expired', 'authorized'), ('expired', 'paid'),
    ('cancelled', 'authorized'), ('cancelled', 'paid');

CREATE FUNCTION payments_check_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status <> OLD.status AND NOT EXISTS
        (SELECT FROM payment_transitions WHERE from_status = OLD.status AND to_status = NEW.status) THEN
        RAISE EXCEPTION 'payment % cannot go from % to %', OLD.id, OLD.status, NEW.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_transition_allowed';
    END IF;
    IF (NEW.status, NEW.captured, NEW.refunded, NEW.refunding) IS DISTINCT FROM
       (OLD.status, OLD.captured, OLD.refunded, OLD.refunding) AND NEW.version <> OLD.version + 1 THEN
        RAISE EXCEPTION 'payment % must go from version % to %, not %', OLD.id, OLD.version, OLD.version + 1, NEW.version
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_version_rises';
    END IF;
    IF NEW.captured < OLD.captured OR NEW.refunded < OLD.refunded OR NEW.amount <> OLD.amount
       OR NEW.currency <> OLD.currency OR NEW.booking_id <> OLD.booking_id THEN
        RAISE EXCEPTION 'payment %: money that moved has moved', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_money_stays';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payments_change BEFORE UPDATE ON payments
    FOR EACH ROW EXECUTE FUNCTION payments_check_change();

-- The ledger, and at the same time what the gateway is to be told: written before it is told, under a key (the id) with
-- which it may be told again, so that a crash between the telling and the writing down is mended by telling once more.
CREATE TABLE payment_operations (
    id          uuid PRIMARY KEY,
    payment_id  uuid NOT NULL CONSTRAINT payment_operations_payment_known REFERENCES payments (id),
    kind        text NOT NULL,
    amount      bigint NOT NULL,
    state       text NOT NULL DEFAULT 'pending',
    -- why, in the words of who asked for it
    reason      text,
    error       text,
    attempts    integer NOT NULL DEFAULT 0,
    -- nobody: the gateway did it by itself
    actor_id    uuid,
    request_id  text,
    created_at  timestamptz NOT NULL,
    finished_at timestamptz,
    CONSTRAINT payment_operations_kind_known CHECK (kind IN ('pay', 'confirm', 'capture', 'refund', 'cancel')),
    CONSTRAINT payment_operations_state_known CHECK (state IN ('pending', 'done', 'failed')),
    CONSTRAINT payment_operations_amount_positive CHECK (amount > 0),
    CONSTRAINT payment_operations_finished CHECK ((state = 'pending') = (finished_at IS NULL)),
    -- a payment is begun once, and taken once; it is confirmed or given up once at a time
    CONSTRAINT payment_operations_once EXCLUDE USING btree (payment_id WITH =, kind WITH =)
        WHERE (kind IN ('pay', 'capture') AND state <> 'failed'),
    CONSTRAINT payment_operations_one_at_a_time EXCLUDE USING btree (payment_id WITH =, kind WITH =)
        WHERE (kind IN ('confirm', 'cancel') AND state = 'pending')
);
CREATE INDEX payment_operations_by_payment ON payment_operations (payment_id, created_at);
CREATE INDEX payment_operations_pending ON payment_operations (created_at) WHERE state = 'pending';

-- What gateways told us, as they told it, once.
CREATE TABLE webhook_inbox (
    gateway      text NOT NULL,
    event_id     text NOT NULL,
    type         text NOT NULL,
    ref          text,
    body         bytea NOT NULL,
    received_at  timestamptz NOT NULL DEFAULT now(),
    processed_at timestamptz,
    -- what became of it: looked (we asked and wrote down how the payment stands), unknown (no such payment here)
    outcome      text,
    PRIMARY KEY (gateway, event_id)
);
CREATE INDEX webhook_inbox_waiting ON webhook_inbox (received_at) WHERE processed_at IS NULL;

-- Bookings that somebody still has to pay for.
CREATE INDEX bookings_unpaid ON bookings (created_at)
    WHERE payment_required AND payment_status IN ('unpaid', 'requires_action', 'failed');
