-- Answers kept for at least 24 hours, so that a request sent again is answered again instead of done again.

CREATE TABLE idempotency_keys (
    actor_id    uuid NOT NULL,
    key         text NOT NULL,
    -- SHA-256 of method, path and body: the same key with another request is a mistake of the client
    fingerprint bytea NOT NULL,
    status      smallint NOT NULL,
    headers     json NOT NULL,
    body        text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT idempotency_keys_once PRIMARY KEY (actor_id, key),
    CONSTRAINT idempotency_keys_length CHECK (length(key) BETWEEN 1 AND 255)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
