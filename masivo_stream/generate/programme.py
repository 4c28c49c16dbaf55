"""The loyalty programme of the synthetic customers: products and places. All of it is invented.

Its rewards and tiers are in `model.sample_programme`, because the sandbox has them as well.

The texts are not quoted. The modules that write them into JSON quote them with `quoted` once, when they are loaded.
"""

import msgspec
from msgspec import Struct

from masivo_stream.model.sample_programme import TIERS, Tier


class SoldProduct(Struct, frozen=True, gc=False):
    """A product of the programme."""

    sku: str
    category: str
    cents: int


PRODUCTS = (
    SoldProduct("CAF-001", "café", 480),
    SoldProduct("CAF-002", "café", 1_250),
    SoldProduct("TE-010", "té", 690),
    SoldProduct("PAN-100", "panadería", 325),
    SoldProduct("PAN-117", "panadería", 99),
    SoldProduct("JUG-020", "bebidas", 1_100),
    SoldProduct("AGU-001", "bebidas", 150),
    SoldProduct("CHO-303", "chocolate", 2_375),
    SoldProduct("CHO-304", "chocolate", 899),
    SoldProduct("HEL-008", "heladería", 1_640),
    SoldProduct("ENS-042", "almuerzo", 3_190),
    SoldProduct("SOP-077", "almuerzo", 2_780),
    SoldProduct("TAZ-500", "regalos", 5_990),
    SoldProduct("LIB-321", "regalos", 8_450),
    SoldProduct("MÁQ-900", "máquinas", 89_900),
    SoldProduct("抹茶-012", "té", 1_780),
)

BRANDS = ("brand-andes", "brand-ñandú", "brand-sol")
STORES = ("store-bogotá-01", "store-medellín-02", "store-quito-03", "store-lima-04", "store-madrid-05")
CHANNELS = ("POS", "WEB", "APP", "CALL_CENTER")
PAYMENT_METHODS = ("CREDIT", "DEBIT", "CASH", "BANK_TRANSFER", "OTHER")
SOCIAL_EVENTS = ("REVIEW", "REFERRAL", "STORE_VISIT", "BIRTHDAY")
"""Types of event that earn nothing by themselves."""

FIRST_NAMES = (
    *("Sofía", "Mateo", "Valentina", "Santiago", "Lucía", "Sebastián", "Camila", "Andrés", "María José"),
    *("Íñigo", "Begoña", "Nicolás", "Zoë", "Joaquín", "Renata", "Emilio", "Ximena", "José", "Ana", "Juan"),
    *("Chloë", "Jürgen", "Łukasz", "Anaïs", "Søren", "美咲", "伟", "지우", "Мария", "ليلى"),
)
LAST_NAMES = (
    *("García", "Rodríguez", "Martínez", "Hernández", "López", "González", "Peña", "Núñez", "Muñoz"),
    *("Ibáñez", "O'Higgins", "de la Cruz", "Güell", "Castaño", "Restrepo", "Quispe", "Vélez", "Ávila"),
    *("Müller", "Kowalczyk", "Åkesson", "佐藤", "王", "김", "Соколова", "حداد"),
)
NICKNAMES = ('"Pepe"', "🌟", "👩🏽\u200d🚀", "(VIP)", "e\u0301lite")
"""Texts that people put into name fields: quotes, emoji, a joined emoji, a combining accent."""

EMAIL_DOMAINS = ("example.com", "example.org", "example.net")
"""Reserved for examples by RFC 2606, section 3: no mail is delivered."""

COUNTRIES = ("CO", "EC", "PE", "MX", "CL", "ES", "JP")
DOCUMENT_TYPES = ("CC", "CE", "DNI", "PASSPORT")
SEGMENTS = ("nuevo", "frecuente", "dormido", "Über-Fan 🚀")
PLATFORMS = ("ios", "android", "web", "windows", "macos")
NOTES = (
    "",
    "prefiere WhatsApp",
    'dijo: "sin azúcar"',
    "línea 1\nlínea 2",
    "C:\\ventas\\2024",
    "☕ + 🥐 = 💛",
    "a\u2028b",
)
"""Free text as people type it: quotes, line breaks, backslashes, and U+2028, which is not a line end in NDJSON."""


def quoted(text: str) -> str:
    """Write a text as a JSON string."""
    return msgspec.json.encode(text).decode()


def money(cents: int) -> str:
    """Write an amount that is not negative as a JSON number: exact, with decimals only if there are cents."""
    whole, rest = divmod(cents, 100)
    return f"{whole}.{rest:02}" if rest else str(whole)


def _places() -> tuple[str, ...]:
    """Return places of events, as members of a JSON object: of the three, only `brand_id` is always present."""
    brands = (*(quoted(brand) for brand in BRANDS), "null")
    channels = ("", ',"channel_id":null', *(f',"channel_id":{quoted(channel)}' for channel in CHANNELS))
    stores = ("", ',"store_id":null', *(f',"store_id":{quoted(store)}' for store in STORES))
    return tuple(f'"brand_id":{brand}{channel}{store}' for brand in brands for channel in channels for store in stores)


PLACES = _places()


def tier_of(spent_cents: int) -> Tier:
    """Return the highest tier for this spending."""
    return next(tier for tier in reversed(TIERS) if spent_cents >= tier.from_cents)
