-- People who can sign in, and the refresh tokens that keep them signed in.

CREATE TABLE users (
    id            uuid PRIMARY KEY,
    email         text NOT NULL,
    name          text NOT NULL,
    phone         text,
    time_zone     text NOT NULL DEFAULT 'UTC',
    locale        text NOT NULL DEFAULT 'en',
    role          text NOT NULL DEFAULT 'customer',
    -- argon2id in PHC format; null for a user who cannot sign in with a password
    password_hash text,
    disabled_at   timestamptz,
    version       integer NOT NULL DEFAULT 1,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    CONSTRAINT users_email_unique UNIQUE (email),
    CONSTRAINT users_email_lower_case CHECK (email = lower(email) AND length(email) <= 254),
    CONSTRAINT users_name_present CHECK (length(name) BETWEEN 1 AND 200),
    CONSTRAINT users_role_known CHECK (role IN ('customer', 'provider', 'admin'))
);

-- One sign-in on one device. Showing a used token again revokes all of it.
CREATE TABLE refresh_families (
    id         uuid PRIMARY KEY,
    user_id    uuid NOT NULL CONSTRAINT refresh_families_user_known REFERENCES users (id),
    created_at timestamptz NOT NULL,
    revoked_at timestamptz
);
CREATE INDEX refresh_families_by_user ON refresh_families (user_id);

-- Only the SHA-256 of a token is kept: a copy of this table signs nobody in.
CREATE TABLE refresh_tokens (
    token_hash bytea PRIMARY KEY,
    family_id  uuid NOT NULL CONSTRAINT refresh_tokens_family_known REFERENCES refresh_families (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz
);
CREATE INDEX refresh_tokens_by_family ON refresh_tokens (family_id);
CREATE INDEX refresh_tokens_by_expiry ON refresh_tokens (expires_at);
