-- Availability: what layers say, for every question about open time. Only bookings/availability/ uses these; what else
-- it asks stands in availability.<subject>.sql.

-- fragment: said
-- What a row `s` of schedules says, with the hours of single dates between two, as bookings/availability/layers.py
-- reads it (Layer.of).
json_build_object('weekly', s.weekly, 'holidays', s.holidays, 'rules', s.rules, 'days', (
    SELECT coalesce(json_object_agg(d.day, d.hours), '{}') FROM schedule_days AS d
     WHERE d.layer = s.layer AND d.subject_id = s.subject_id
       AND d.day >= %(first_day)s::date AND d.day <= %(last_day)s::date))
