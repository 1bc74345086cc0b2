-- What must be true of the audit trail. Every row returned is a bug.

-- name: staff_change_without_entry
-- What somebody did by request to a booking of somebody else, since there is a trail, is in it.
SELECT h.booking_id, h.version, h.action, h.actor_id
  FROM booking_history AS h JOIN bookings AS b ON b.id = h.booking_id
 WHERE h.actor_id NOT IN (b.user_id, '00000000-0000-0000-0000-000000000000') AND h.request_id IS NOT NULL
   AND h.at >= (SELECT min(at) FROM audit_entries)
   AND NOT EXISTS (SELECT FROM audit_entries AS a
        WHERE a.subject_type = 'booking' AND a.subject_id = h.booking_id::text AND a.action = 'booking.' || h.action
          AND a.actor_id = h.actor_id AND a.request_id = h.request_id)

-- name: entry_of_nothing
-- An entry about a version of a booking tells of one that history has, by the same person.
SELECT a.id, a.action, a.subject_id, a.actor_id
  FROM audit_entries AS a
 WHERE a.subject_type = 'booking'
   AND a.action IN ('booking.create', 'booking.update', 'booking.reschedule', 'booking.confirm', 'booking.decline',
                    'booking.cancel', 'booking.check-in', 'booking.complete', 'booking.no-show', 'booking.payment', 'booking.attendees', 'booking.reassign')
   AND NOT EXISTS (SELECT FROM booking_history AS h
        WHERE h.booking_id = a.subject_id::uuid AND 'booking.' || h.action = a.action AND h.actor_id = a.actor_id)

-- name: secret_kept
-- No entry holds a token or a password hash of ours.
SELECT id, action, subject_type, subject_id FROM audit_entries
 WHERE concat(before, after) ~ 'bkr_[A-Za-z0-9_-]{16}|\$argon2'
