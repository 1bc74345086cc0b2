-- Taking what is personal out of what is kept for good: the append-only tables let go of words, and of nothing else, in
-- a transaction that says that it erases.

-- Like refuse_change, but the columns named by the trigger may change while `bookings.erasing` is on.
CREATE FUNCTION refuse_change_but_erase() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND current_setting('bookings.erasing', true) = 'on'
       AND to_jsonb(NEW) - TG_ARGV = to_jsonb(OLD) - TG_ARGV THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% rows are kept as they are', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;

DROP TRIGGER booking_history_append_only ON booking_history;
CREATE TRIGGER booking_history_append_only BEFORE UPDATE OR DELETE ON booking_history
    FOR EACH ROW EXECUTE FUNCTION refuse_change_but_erase('reason');
DROP TRIGGER audit_entries_append_only ON audit_entries;
CREATE TRIGGER audit_entries_append_only BEFORE UPDATE OR DELETE ON audit_entries
    FOR EACH ROW EXECUTE FUNCTION refuse_change_but_erase('before', 'after');

-- A document without what people wrote or are called: the values under such names become null, however deep, and so
-- does, under any name, every text that is not an id, an instant, a currency or a word of ours such as `checked_in`.
CREATE FUNCTION without_words(document jsonb) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    CASE jsonb_typeof(document)
    WHEN 'object' THEN
        RETURN coalesce((SELECT jsonb_object_agg(key, CASE
                WHEN key IN ('title', 'description', 'location', 'notes', 'statusReason', 'reason', 'name', 'email',
                             'phone', 'addresses', 'text', 'reply', 'locale', 'timeZone') THEN 'null'
                ELSE without_words(value) END) FROM jsonb_each(document)), '{}');
    WHEN 'array' THEN
        RETURN coalesce((SELECT jsonb_agg(without_words(value) ORDER BY place)
                           FROM jsonb_array_elements(document) WITH ORDINALITY AS e (value, place)), '[]');
    WHEN 'string' THEN
        RETURN CASE WHEN document #>> '{}' ~ '^([0-9a-f-]{36}|\d{4}-\d\d-\d\d(T[0-9:.]+Z)?|[A-Z]{3}|[a-z]+([_.:-][a-z]+)*)$'
            THEN document ELSE 'null' END;
    ELSE
        RETURN document;
    END CASE;
END $$;
