"""Accounts: who can sign in, and what keeps them signed in.

Owns the tables users, refresh_families, refresh_tokens, invitations. Roles: customer, provider, admin; registering
makes customers. Passwords, tokens and limits are explained in docs/security.md.
"""
