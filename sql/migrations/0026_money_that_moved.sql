-- Revenue is read by the instant at which money moved.
CREATE INDEX payment_operations_moved ON payment_operations (finished_at)
    WHERE state = 'done' AND kind IN ('capture', 'refund');
