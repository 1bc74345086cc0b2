-- What happens between this migration and the first start of a worker that knows payments is not missed: the consumer
-- begins here and not when it is first seen.
INSERT INTO event_consumers (name, position) SELECT 'payment', coalesce(max(position), 0) FROM events
ON CONFLICT (name) DO NOTHING;
