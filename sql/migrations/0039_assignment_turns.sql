-- Whose turn it is when a service is assigned round robin: whoever delivered has the highest number and comes last.
CREATE TABLE assignment_turns (
    service_id  uuid NOT NULL,
    resource_id uuid NOT NULL,
    turn        bigint NOT NULL,
    CONSTRAINT assignment_turns_pkey PRIMARY KEY (service_id, resource_id)
);
