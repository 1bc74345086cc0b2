-- Who waits may name several who must come together, as bookings and holds do. The table holds only those who wait, few enough
-- that its index is made anew within the lock.

-- For whom an entry waits, the same in whatever order they are named.
CREATE FUNCTION waits_for(resource_id uuid, provider_ids uuid[]) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(resource_id::text, '') || ':' || coalesce((
        SELECT string_agg(id::text, ',' ORDER BY id) FROM unnest(provider_ids) AS id), '')
$$;

ALTER TABLE waitlist_entries
    -- who must deliver it together, the first leads; empty: whoever can
    ADD COLUMN provider_ids uuid[] NOT NULL DEFAULT '{}',
    ADD CONSTRAINT waitlist_entries_providers_few CHECK (
        cardinality(provider_ids) <= 10 AND array_position(provider_ids, NULL) IS NULL),
    DROP CONSTRAINT waitlist_entries_one_place,
    -- nobody stands in line twice for the same thing
    ADD CONSTRAINT waitlist_entries_one_place EXCLUDE USING gist (
        user_id WITH =, service_id WITH =, tstzrange(from_at, to_at) WITH &&,
        waits_for(resource_id, provider_ids) WITH =) WHERE (state = 'waiting');
