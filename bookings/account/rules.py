"""What makes a password acceptable (NIST SP 800-63B: length, not composition); what people choose to hear of. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping

SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 128
ROLES = ("customer", "provider", "admin")
#: how we can reach people, and how the API calls it
CHANNELS = {"email": "email", "in_app": "inApp"}
#: why we write to people; all of it is on until they switch it off
CAUSES = (
    "booking_created",
    "booking_confirmed",
    "booking_declined",
    "booking_cancelled",
    "booking_rescheduled",
    "booking_reassigned",
    "booking_passed_on",
    "booking_released",
    "booking_attendees_changed",
    "series_created",
    "series_rescheduled",
    "series_cancelled",
    "reminder",
    "payment_received",
    "payment_failed",
    "payment_refunded",
    "review_request",
    "waitlist_offer",
)
MOST_ADDRESSES = 10
_ISO_3166 = """
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ
CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO
FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE
JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO
MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW
PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM
TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW
"""
#: ISO 3166-1 alpha-2
COUNTRIES = frozenset(_ISO_3166.split())


def normal(password: str) -> str:
    """The form in which a password is hashed: NFKC, so that every keyboard's spelling of it is the same."""
    return unicodedata.normalize("NFKC", password)


def is_email(password: str, email: str) -> bool:
    """Whether a password is no secret, because it is the e-mail address."""
    return bool(email) and normal(password).strip().lower() == email.lower()


def password_fault(password: str, email: str) -> str | None:
    """What is wrong with a new password, in a sentence; None when it is good."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        return f"The password must have {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters."
    if is_email(password, email):
        return "The password must not be the e-mail address."
    return None


def switched_off(present: Iterable[str], wish: Mapping[str, Mapping[str, bool]]) -> list[str]:
    """What is off after a wish such as {"email": {"reminder": False}}, as sorted `<channel>:<cause>`.

    `present` is what was off before; what the wish does not name stays as it was.
    """
    off = set(present)
    for channel, name in CHANNELS.items():
        for cause, on in wish.get(name, {}).items():
            (off.discard if on else off.add)(f"{channel}:{cause}")
    return sorted(off)
