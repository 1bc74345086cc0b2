"""What the houses of the town offer: words, lengths, prices and terms. Nothing here is random."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Policy = dict[str, Any]
#: a day's notice gives everything back, later notice half, none nothing
FAIR: Policy = {
    "tiers": [{"beforeMinutes": 1440, "refundPercent": 100}, {"beforeMinutes": 120, "refundPercent": 50}],
}
#: two days' notice or the money is gone
STRICT: Policy = {"tiers": [{"beforeMinutes": 2880, "refundPercent": 100}]}


@dataclass(frozen=True)
class Offer:
    """One service as every house of a trade sells it. Times in minutes, price in cents (None: nothing to pay)."""

    name: str
    description: str
    minutes: int
    price: int | None = None
    before: int = 0
    after: int = 0
    #: relative frequency
    weight: int = 1
    #: must be paid before it is confirmed
    prepaid: bool = False
    policy: Policy | None = None
    needs_device: bool = False
    featured: bool = False


@dataclass(frozen=True)
class Trade:
    """A kind of house: who works there, what with, what is sold, and when it is open (minutes of the local day)."""

    name: str
    category: str
    house: str
    #: what somebody who works there is called; None: nobody delivers, rooms are let
    worker: str | None
    room: str
    rooms: int
    devices: tuple[str, ...]
    opens: int
    closes: int
    offers: tuple[Offer, ...]
    #: staff confirm each booking
    asks: bool = False
    #: places in one room; more than one: people share it
    places: int = 1
    #: how many bookings a calendar gets, beside those of the other trades
    weight: float = 1.0
    #: minutes before the start at which customers are reminded
    reminders: tuple[int, ...] = (1440,)
    amenities: tuple[str, ...] = ()


CLINIC = Trade(
    name="clinic",
    category="Health",
    house="Clinic",
    worker="Dr",
    room="Consulting room",
    rooms=4,
    devices=("Ultrasound",),
    opens=8 * 60,
    closes=18 * 60,
    asks=True,
    amenities=("lift", "waiting room"),
    offers=(
        Offer("Consultation", "A talk with a doctor about what troubles you.", 30, after=5, weight=6),
        Offer("Follow-up", "A short look at how it is going.", 15, after=5, weight=4),
        Offer(
            "Ultrasound examination",
            "A look inside, with the findings explained.",
            30,
            8900,
            5,
            5,
            2,
            needs_device=True,
        ),
        Offer(
            "Check-up", "Heart, lungs, blood and advice, in one hour.", 60, 14900, 0, 10, 2, policy=FAIR, featured=True
        ),
        Offer("Vaccination", "Advice and vaccination against influenza or tetanus.", 15, 3500, 0, 5, 2),
    ),
)
SALON = Trade(
    name="salon",
    category="Beauty",
    house="Salon",
    worker="",
    room="Chair",
    rooms=4,
    devices=(),
    opens=9 * 60,
    closes=19 * 60,
    amenities=("tea and coffee",),
    offers=(
        Offer("Haircut", "Wash, cut and blow-dry.", 45, 4200, 0, 10, 6, featured=True),
        Offer("Children's haircut", "For heads up to twelve years.", 30, 2200, 0, 5, 2),
        Offer("Colouring", "Colour, wash and care.", 90, 9500, 5, 10, 3, policy=FAIR),
        Offer("Manicure", "Hands and nails, with or without polish.", 45, 3600, 0, 5, 3),
        Offer("Beard trim", "Scissors, razor and a hot towel.", 20, 1900, 0, 5, 2),
    ),
)
ROOMS = Trade(
    name="coworking",
    category="Work",
    house="Co-working space",
    worker=None,
    room="Meeting room",
    rooms=3,
    devices=(),
    opens=8 * 60,
    closes=20 * 60,
    weight=0.7,
    reminders=(),
    amenities=("screen", "whiteboard", "video conferencing"),
    offers=(
        Offer("Meeting room by the hour", "For up to eight, with a screen.", 60, 2800, 0, 10, 4, True, FAIR),
        Offer("Meeting room for two hours", "For up to eight, with a screen.", 120, 4900, 0, 10, 3, True, STRICT),
        Offer("Half a day of meetings", "Four hours, water and coffee included.", 240, 8900, 10, 20, 1, True, STRICT),
    ),
)
DESKS = Trade(
    name="desks",
    category="Work",
    house="Co-working space",
    worker=None,
    room="Hot desks",
    rooms=1,
    devices=(),
    opens=8 * 60,
    closes=19 * 60,
    weight=2.0,
    reminders=(),
    places=24,
    amenities=("screen", "locker", "coffee"),
    offers=(
        Offer("Hot desk for half a day", "A desk, coffee and quiet.", 240, 1200, weight=2),
        Offer(
            "Hot desk for a day",
            "A desk, coffee and quiet from morning to evening.",
            540,
            1900,
            weight=3,
            featured=True,
        ),
    ),
)
TRADES = (CLINIC, SALON, ROOMS, DESKS)

STREETS = (
    "Linden Street", "Market Square", "Harbour Lane", "Mill Road", "Station Street", "Castle Hill", "River Walk",
    "Garden Street", "Old Bridge", "Church Lane", "Meadow Road", "Park Avenue", "Chestnut Street", "Tower Street",
    "Lake Road", "Orchard Lane", "Forest Road", "School Street", "Fountain Square", "Potters Lane", "Weavers Row",
    "North Gate", "South Gate", "East Gate", "West Gate", "Rose Street", "Maple Avenue", "Brewery Yard",
    "Printers Yard", "Canal Side", "Sunny Bank", "Hill Street", "Abbey Road", "Bakers Row", "Coopers Lane",
    "Drovers Way", "Elm Street", "Ferry Road", "Granary Wharf", "Hazel Grove", "Ivy Lane", "Juniper Court",
    "King Street", "Lark Rise", "Museum Street", "New Road", "Oak Street", "Poplar Walk",
)  # fmt: skip
FIRST_NAMES = (
    "Anna", "Ben", "Carla", "David", "Elif", "Felix", "Greta", "Hassan", "Ines", "Jonas", "Katja", "Liam", "Maria",
    "Nils", "Olga", "Paul", "Quirin", "Rosa", "Samir", "Tessa", "Umut", "Vera", "Wim", "Xenia", "Yusuf", "Zoe",
    "Aylin", "Bruno", "Clara", "Dmitri", "Emma", "Farid", "Gesa", "Hugo", "Ida", "Jakob", "Kim", "Lena", "Mateo",
    "Nora",
)  # fmt: skip
LAST_NAMES = (
    "Adler", "Bauer", "Costa", "Demir", "Ernst", "Fischer", "Garcia", "Hoffmann", "Ivanov", "Jansen", "Keller", "Lang",
    "Meyer", "Novak", "Okafor", "Peters", "Quast", "Richter", "Schmidt", "Thomas", "Ullrich", "Vogel", "Weber", "Xu",
    "Yilmaz", "Ziegler", "Albrecht", "Brandt", "Conrad", "Dietrich", "Engel", "Franke", "Graf", "Haas", "Jung", "Koch",
    "Lorenz", "Moreau", "Neumann", "Otto", "Pohl", "Roth", "Sommer", "Tran", "Unger", "Voss", "Winter", "Yamada",
)  # fmt: skip
PRAISE = (
    "Friendly, on time, and good work.", "I shall come again.", "Exactly what I hoped for.",
    "Very pleasant, thank you!", "Quick and careful.", "They took their time for me.", "Warmly recommended.",
)  # fmt: skip
DOUBT = ("All right, nothing special.", "Good, but I had to wait.", "A little rushed this time.")
BLAME = ("I waited for half an hour.", "Not what I had asked for.", "Unfriendly at the desk.")
REPLIES = ("Thank you, see you soon!", "Thank you for your kind words.", "We are sorry and shall do better.")
REASONS = ("Ill.", "Something came up.", "Found an earlier time elsewhere.", "Cannot make it.")
