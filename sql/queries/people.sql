-- People across all domains. Only bookings/people/ uses these.

-- name: find_customer
-- Somebody who has booked a provider, as far as the provider needs to know them.
SELECT row_to_json(d)::text AS document, d.version FROM (
    SELECT id, email, name, phone, time_zone AS "timeZone", locale, version FROM users
     WHERE id = %(id)s::uuid AND EXISTS (
        SELECT FROM bookings AS b JOIN resources AS r ON r.id = ANY (b.resource_ids)
         WHERE b.user_id = %(id)s AND r.owner_id = %(provider_id)s::uuid)
) AS d
