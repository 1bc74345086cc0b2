"""Commands on accounts. Passwords are hashed before a transaction begins: it takes as long as hundreds of queries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from psycopg.types.json import Jsonb

from bookings import queries
from bookings.account import sessions
from bookings.account.errors import AccountDisabled, AccountErased, InvalidCredentials, OwnRole, PasswordChanged
from bookings.account.rules import CHANNELS, switched_off
from bookings.audit import service as audit
from bookings.auth import SYSTEM, Caller, require_admin
from bookings.clock import now
from bookings.config import Settings
from bookings.db import Database, Tx
from bookings.errors import Conflict, NotFound, PreconditionFailed, Unauthorized
from bookings.ids import new_id

_sql = queries.load("account")
#: id, role, version, and document: the JSON of the user
User = dict[str, Any]
Row = dict[str, Any]


def create(
    tx: Tx,
    *,
    email: str,
    name: str,
    password_hash: str | None,
    phone: str | None = None,
    time_zone: str = "UTC",
    locale: str = "en",
    role: str = "customer",
) -> User:
    """A new user. `email` is in lower case. Raises EmailTaken."""
    user = {
        "id": new_id(),
        "email": email,
        "name": name,
        "phone": phone,
        "time_zone": time_zone,
        "locale": locale,
        "role": role,
        "password_hash": password_hash,
        "now": now(),
    }
    created = tx.one(_sql.insert, user)
    assert created is not None
    return created


def credentials(database: Database, *, email: str) -> tuple[UUID | None, str | None]:
    """The id and password hash behind an e-mail address; nothing twice when nobody has it."""
    row = database.row(_sql.credentials, {"email": email})
    return (row[0], row[1]) if row else (None, None)


def credentials_of(database: Database, *, user_id: UUID) -> tuple[str, str | None]:
    """The e-mail address and password hash of a user. Raises Unauthorized when disabled or gone."""
    row = database.row(_sql.credentials_by_id, {"id": user_id})
    if row is None:
        raise Unauthorized("This account is disabled.")
    return row[0], row[1]


def sign_in(tx: Tx, *, settings: Settings, user_id: UUID, checked_hash: str) -> tuple[User, str]:
    """Begin a session for a user whose password was found right: the user and a refresh token.

    Raises InvalidCredentials when the password has changed since it was checked, AccountDisabled.
    """
    user = tx.one(_sql.lock_credentials, {"id": user_id, "password_hash": checked_hash})
    if user is None:
        raise InvalidCredentials
    if user["disabled_at"] is not None:
        raise AccountDisabled
    return user, sessions.start(tx, user_id=user_id, lifetime=settings.refresh_token_ttl)


def replace_password(
    tx: Tx, *, settings: Settings, user_id: UUID, checked_hash: str, new_hash: str
) -> tuple[User, str]:
    """Set another password, sign out everywhere and begin one new session. Raises PasswordChanged."""
    user = tx.one(_sql.replace_password, {"id": user_id, "old_hash": checked_hash, "new_hash": new_hash})
    if user is None:
        raise PasswordChanged
    sessions.end_all(tx, user_id=user_id)
    return user, sessions.start(tx, user_id=user_id, lifetime=settings.refresh_token_ttl)


def renew_hash(tx: Tx, *, user_id: UUID, checked_hash: str, new_hash: str) -> None:
    """Store the same password hashed with today's parameters; sessions go on."""
    tx.execute(_sql.replace_password, {"id": user_id, "old_hash": checked_hash, "new_hash": new_hash})


def get(database: Database, *, user_id: UUID) -> tuple[str, int]:
    """The document and version of a user. Raises NotFound."""
    row = database.row(_sql.find, {"id": user_id})
    if row is None:
        raise NotFound
    return row[3], row[2]


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody we may write to, in their language, zone and within what they want to hear."""

    id: UUID
    email: str
    name: str
    locale: str
    time_zone: str
    #: (channel, cause) pairs they switched off
    muted: frozenset[tuple[str, str]]
    disabled: bool
    erased: bool

    def wants(self, channel: str, cause: str) -> bool:
        """Whether they may be told about a cause on a channel (`account.rules.CHANNELS`, `CAUSES`)."""
        return not self.disabled and not self.erased and (channel, cause) not in self.muted


def preferences_of(tx: Tx, user_ids: Iterable[UUID]) -> dict[UUID, Recipient]:
    """The recipients behind ids; ids nobody has are left out."""
    rows = tx.all(_sql.preferences, {"ids": list(user_ids)})
    return {row["id"]: Recipient(**{**row, "muted": _pairs(row["muted"])}) for row in rows}


def mute(tx: Tx, *, user_id: UUID, channel: str, cause: str) -> None:
    """Switch a cause off on a channel, on the word of a link in a mail. Raises NotFound."""
    user = lock(tx, user_id, None)
    write(tx, user, {"muted": switched_off(user["muted"], {CHANNELS[channel]: {cause: False}})})


def _pairs(muted: list[str]) -> frozenset[tuple[str, str]]:
    return frozenset((channel, cause) for channel, _, cause in (entry.partition(":") for entry in muted))


def find_by_email(tx: Tx, *, email: str) -> dict[str, Any] | None:
    """Id, role, version and disabled_at of the user behind an e-mail address."""
    return tx.one(_sql.find_by_email, {"email": email})


#: the caller of scripts: whoever may write to the database
SHELL = Caller(SYSTEM, "shell")


def create_admin(tx: Tx, *, email: str, name: str, password_hash: str) -> None:
    """A new admin, on the word of whoever may write to the database. Raises EmailTaken."""
    user = create(tx, email=email, name=name, role="admin", password_hash=password_hash)
    audit.record(tx, SHELL, "user.create", subject=("user", user["id"]), after={"role": "admin"})


def promote(tx: Tx, *, user_id: UUID) -> None:
    """Make a user an admin, on the word of whoever may write to the database. Raises NotFound."""
    _set_role(tx, SHELL, user_id, "admin", None)


def change(tx: Tx, *, user_id: UUID, body: Mapping[str, Any], versions: tuple[int, ...] | None) -> tuple[str, int]:
    """Change one's own profile: the new document and version. Raises NotFound, PreconditionFailed."""
    user = lock(tx, user_id, versions)
    return write(tx, user, wished(user, body))


_COLUMNS = {"name": "name", "phone": "phone", "timeZone": "time_zone", "locale": "locale", "addresses": "addresses"}


def wished(user: Row, body: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that a change of profile asks for."""
    values = {column: body[name] for name, column in _COLUMNS.items() if name in body}
    if "notifications" in body:
        values["muted"] = switched_off(user["muted"], body["notifications"])
    return values


def set_role(tx: Tx, *, caller: Caller, user_id: UUID, role: str, versions: tuple[int, ...] | None) -> tuple[str, int]:
    """Make a user a customer, provider or admin. Access tokens issued before carry the old role until they expire.

    Raises Forbidden unless the caller is an admin, OwnRole, NotFound, PreconditionFailed.
    """
    require_admin(caller.actor)
    if user_id == caller.actor.id:
        raise OwnRole
    return _set_role(tx, caller, user_id, role, versions)


def _set_role(tx: Tx, caller: Caller, user_id: UUID, role: str, versions: tuple[int, ...] | None) -> tuple[str, int]:
    user = lock(tx, user_id, versions)
    if user["role"] != role:
        subject = ("user", user_id)
        audit.record(tx, caller, "user.role", subject=subject, before={"role": user["role"]}, after={"role": role})
    return write(tx, user, {"role": role})


def lock(tx: Tx, user_id: UUID, versions: tuple[int, ...] | None) -> Row:
    """A user about to change. Raises NotFound, AccountErased, PreconditionFailed."""
    user = tx.one(_sql.lock, {"id": user_id})
    if user is None:
        raise NotFound
    if versions is not None and user["version"] not in versions:
        raise PreconditionFailed(orjson.loads(user["document"]), user["version"])
    if user["erased_at"] is not None:
        raise AccountErased
    return user


def lock_enabled(tx: Tx, user_id: UUID) -> Row:
    """The same for what only somebody who may sign in can get. Raises AccountDisabled, too."""
    user = lock(tx, user_id, None)
    if user["disabled_at"] is not None:
        raise AccountDisabled
    return user


def write(tx: Tx, user: Row, values: Mapping[str, Any]) -> tuple[str, int]:
    """The next version of a locked user: document and version; the same when nothing differs. Raises EmailTaken."""
    if all(user[column] == value for column, value in values.items()):
        return user["document"], user["version"]
    after = {**user, **values}
    changed = tx.one(_sql.change, {**after, "addresses": Jsonb(after["addresses"]), "now": now()})
    if changed is None:
        raise Conflict("The user changed meanwhile; try again.")
    return changed["document"], changed["version"]
