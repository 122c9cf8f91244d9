"""Where money is sent: UPI ids, IBANs (ISO 13616) and BICs (ISO 9362), checked as they are typed."""

from __future__ import annotations

import re
from typing import Final

from clinic_core.errors import InvalidInput

_UPI: Final = re.compile(r"[A-Za-z0-9._-]{2,256}@[A-Za-z][A-Za-z0-9]{1,63}")
_IBAN: Final = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_BIC: Final = re.compile(r"[A-Z]{4}[A-Z]{2}[A-Z0-9]{2}(?:[A-Z0-9]{3})?")
_MODULUS: Final = 97


def check_upi(text: str) -> str:
    """The UPI id, trimmed, "" for blank; raises InvalidInput unless it looks like name@bank."""
    upi_id = text.strip()
    if upi_id and not _UPI.fullmatch(upi_id):
        raise InvalidInput("This is no UPI id; it looks like clinic@okbank.", field="upi_id")
    return upi_id


def check_iban(text: str) -> str:
    """The IBAN in capitals without spaces, "" for blank; raises InvalidInput when its check digits are wrong."""
    iban = "".join(text.split()).upper()
    if iban and not (_IBAN.fullmatch(iban) and _remainder(iban) == 1):
        raise InvalidInput(
            "This IBAN cannot be right. Compare it with the bank's letter, digit by digit.", field="iban"
        )
    return iban


def check_bic(text: str) -> str:
    """The BIC in capitals, "" for blank; raises InvalidInput unless it has 8 or 11 characters of the right kind."""
    bic = "".join(text.split()).upper()
    if bic and not _BIC.fullmatch(bic):
        raise InvalidInput("A BIC has 8 or 11 letters and digits, like COBADEFFXXX.", field="bic")
    return bic


def show_iban(iban: str) -> str:
    """The IBAN in groups of four, as it is printed."""
    return " ".join(iban[i : i + 4] for i in range(0, len(iban), 4))


def _remainder(iban: str) -> int:
    """ISO 7064 MOD 97-10: the country and check digits go to the end, letters count from A = 10."""
    return int("".join(str(int(character, 36)) for character in iban[4:] + iban[:4])) % _MODULUS
