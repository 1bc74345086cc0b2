"""The audit trail: who used a privilege, on what, from what to what, in which request.

Owns the table audit_entries. Every domain writes to it through `service.record`, in the transaction of the change;
admins read it at GET /audit. What a person does with what is their own is in the history of that, not here.
"""
