-- A layer may say of some rules that nothing holds here, whatever the layers behind it say: `off` in its rules names them.
-- What is left out or null still says nothing. One short look at a table with a row for each resource at most.

ALTER TABLE schedules
    ADD CONSTRAINT schedules_off_known CHECK (CASE jsonb_typeof(rules -> 'off')
        WHEN 'array' THEN jsonb_array_length(rules -> 'off') BETWEEN 1 AND 7
            AND rules -> 'off' <@ '["bookingWindow", "resourceCaps", "cancellationPolicy", "reschedulePolicy", "maxReschedules",
                                    "releaseAfterMinutes", "noShowRule"]'
        ELSE NOT rules ? 'off' END),
    -- what is off is not said as well
    ADD CONSTRAINT schedules_off_or_said CHECK (NOT (
        rules ? 'bookingWindow' AND rules -> 'off' ? 'bookingWindow'
        OR rules ? 'resourceCaps' AND rules -> 'off' ? 'resourceCaps'
        OR rules ? 'cancellationPolicy' AND rules -> 'off' ? 'cancellationPolicy'
        OR rules ? 'reschedulePolicy' AND rules -> 'off' ? 'reschedulePolicy'
        OR rules ? 'maxReschedules' AND rules -> 'off' ? 'maxReschedules'
        OR rules ? 'releaseAfterMinutes' AND rules -> 'off' ? 'releaseAfterMinutes'
        OR rules ? 'noShowRule' AND rules -> 'off' ? 'noShowRule'));
