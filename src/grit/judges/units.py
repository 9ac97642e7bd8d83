"""Units by one name each, and what one is worth in another of its kind. Knows nothing of texts."""

from __future__ import annotations

from decimal import Decimal

__all__ = ["MONEY", "UNITS", "canonical_unit", "in_unit", "same_kind"]

_KINDS = {
    "length": {
        "mm": ("0.001", "mm millimeter millimeters millimetre millimetres 毫米"),
        "cm": ("0.01", "cm centimeter centimeters centimetre centimetres 厘米"),
        "m": ("1", "m meter meters metre metres 米"),
        "km": ("1000", "km kilometer kilometers kilometre kilometres 千米"),
        "inch": ("0.0254", "inch inches"),
        "ft": ("0.3048", "ft foot feet"),
        "mile": ("1609.344", "mile miles"),
    },
    "area": {
        "mm2": ("0.000001", "mm2 mm^2 mm²"),
        "cm2": ("0.0001", "cm2 cm^2 cm²"),
        "m2": ("1", "m2 m^2 m²"),
        "km2": ("1000000", "km2 km^2 km²"),
    },
    "volume": {
        "cm3": ("0.001", "cm3 cm^3 cm³ ml milliliter milliliters millilitre millilitres"),
        "l": ("1", "l liter liters litre litres"),
        "m3": ("1000", "m3 m^3 m³"),
    },
    "mass": {
        "mg": ("0.000001", "mg milligram milligrams"),
        "g": ("0.001", "g gram grams"),
        "kg": ("1", "kg kilogram kilograms"),
        "lb": ("0.45359237", "lb lbs pound pounds"),
    },
    "time": {
        "ms": ("0.001", "ms millisecond milliseconds"),
        "s": ("1", "s sec secs second seconds"),
        "min": ("60", "min mins minute minutes"),
        "h": ("3600", "h hr hrs hour hours"),
        "day": ("86400", "day days"),
        "week": ("604800", "week weeks"),
        # A month has no fixed length; a twelfth of a year keeps "24 months" equal to "2 years".
        "month": ("2629800", "month months"),
        "year": ("31557600", "year years yr yrs"),
    },
    "angle": {
        "°": ("1", "° degree degrees deg"),
        "rad": ("57.295779513082320876798154814105", "rad rads radian radians"),
    },
    "dollar": {"cent": ("0.01", "¢ cent cents"), "$": ("1", "$ dollar dollars usd")},
    "euro": {"€": ("1", "€ euro euros eur")},
    "sterling": {"£": ("1", "£ gbp")},
    "share": {"%": ("1", "% percent")},
}

UNITS = {
    spelling: unit
    for members in _KINDS.values()
    for unit, (_, spellings) in members.items()
    for spelling in spellings.split()
}
"""Canonical unit of every spelling, in lower case."""

MONEY = frozenset("$€£")
"""Units that may stand before their number."""

_KIND = {unit: kind for kind, members in _KINDS.items() for unit in members}
_WORTH = {
    unit: Decimal(worth) for members in _KINDS.values() for unit, (worth, _) in members.items()
}


def canonical_unit(text: str) -> str | None:
    """The unit that a text consists of; None for one that we do not know."""
    return UNITS.get(text.strip().casefold())


def same_kind(one: str, other: str) -> bool:
    """Whether two canonical units measure the same kind of thing."""
    return _KIND[one] == _KIND[other]


def in_unit(value: Decimal, unit: str, wanted: str) -> Decimal:
    """A value in another unit of its kind.

    Raises:
        ValueError: If the two measure different kinds of things.
    """
    if unit == wanted:
        return value
    if not same_kind(unit, wanted):
        raise ValueError(f"{unit} cannot be written in {wanted}")
    return value * _WORTH[unit] / _WORTH[wanted]
