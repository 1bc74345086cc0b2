"""What can go wrong with an account."""

from __future__ import annotations

from bookings.errors import Conflict, Forbidden, TooManyRequests, Unauthorized, Unavailable


class EmailTaken(Conflict):
    """There is an account with this e-mail address already."""

    code = "email-taken"
    constraints = ("users_email_unique",)


class InvalidCredentials(Unauthorized):
    """The e-mail address or the password is wrong."""

    code = "invalid-credentials"


class AccountDisabled(Forbidden):
    """This account is disabled; ask whoever runs the service."""

    code = "account-disabled"


class InvalidRefreshToken(Unauthorized):
    """The refresh token is not valid; sign in again.

    It may have expired, been used before, or been revoked by signing out or changing the password. A token works once:
    showing a used one again ends every token that came from the same sign-in.
    """

    code = "invalid-refresh-token"


class PasswordChanged(Conflict):
    """The password was changed by another request meanwhile."""

    code = "password-changed"


class OwnRole(Conflict):
    """Admins cannot change their own role, so that there is always one left; ask another admin."""

    code = "own-role"


class OwnAccount(Conflict):
    """Admins cannot disable themselves; ask another admin."""

    code = "own-account"


class LastAdmin(Conflict):
    """This is the last admin who can sign in; make somebody else an admin first."""

    code = "last-admin"
    constraints = ("users_an_admin_left",)


class AccountErased(Conflict):
    """This account was erased: nothing in it can change any more."""

    code = "account-erased"


class InvalidInvitation(Unauthorized):
    """The invitation is not valid: it was used, replaced by a newer one, or has expired. Ask an admin for another."""

    code = "invalid-invitation"


class SignInBusy(TooManyRequests):
    """Too many people are signing in at this moment; try again in a second."""

    code = "sign-in-busy"


class SignInUnavailable(Unavailable):
    """Signing in is not possible just now; try again in a moment.

    Attempts cannot be counted while Redis does not answer, and uncounted attempts would let passwords be guessed.
    Whoever is signed in already stays so.
    """

    code = "sign-in-unavailable"
