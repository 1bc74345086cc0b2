-- The test gateway's own books, in tables so that all processes see the same. It stands for a service elsewhere:
-- nothing but bookings/payment/gateways/sandbox.py reads or writes them, in transactions of its own.
CREATE TABLE test_gateway_charges (
    ref           text PRIMARY KEY,
    amount        bigint NOT NULL,
    currency      text NOT NULL,
    capture_later boolean NOT NULL,
    state         text NOT NULL,
    captured      bigint NOT NULL DEFAULT 0,
    refunded      bigint NOT NULL DEFAULT 0,
    error         text,
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- Every effect on money, under the key it was asked for with: a key that comes again has no second effect.
CREATE TABLE test_gateway_effects (
    key    text PRIMARY KEY,
    ref    text NOT NULL,
    kind   text NOT NULL,
    amount bigint NOT NULL,
    at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
