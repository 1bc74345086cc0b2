-- What people say about themselves and how they want to hear from us; and accounts that were emptied.

ALTER TABLE users
    -- where they live or are billed: [{label, street, postalCode, city, region, country}]
    ADD COLUMN addresses jsonb  NOT NULL DEFAULT '[]',
    -- what they switched off, as `<channel>:<cause>` in order; whatever is not here is on
    ADD COLUMN muted     text[] NOT NULL DEFAULT '{}',
    -- everything personal was taken out of the account (see docs/people.md); it stays disabled for good
    ADD COLUMN erased_at timestamptz,
    ADD CONSTRAINT users_addresses_few
        CHECK (jsonb_typeof(addresses) = 'array' AND jsonb_array_length(addresses) <= 10),
    ADD CONSTRAINT users_erased_is_disabled CHECK (erased_at IS NULL OR disabled_at IS NOT NULL);
