"""What can be imported: the fields of each kind of file, and the headers by which they are recognised."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """What a file holds."""

    PATIENTS = "patients"
    APPOINTMENTS = "appointments"
    PAYMENTS = "payments"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One of our fields: what it is for, and the headers by which it is known besides its name."""

    name: str
    help: str
    aliases: tuple[str, ...] = ()
    needed: str = ""  # of the fields that share a text here, at least one must be there
    is_date: bool = False


_PERSON: Final = (
    Field(name="birth_date", help="birth date", aliases=("dob", "date of birth", "born", "birthday"), is_date=True),
    Field(name="age", help="age in years, where no birth date is known", aliases=("age years", "patient age")),
    Field(name="sex", help="female, male, other or unknown (F and M are understood)", aliases=("gender",)),
    Field(
        name="phone",
        help="phone; without a country code it is read in the clinic's region",
        aliases=("mobile", "telephone", "phone number", "mobile number", "cell", "tel", "contact number"),
    ),
    Field(name="email", help="e-mail address", aliases=("email address", "mail")),
    Field(
        name="address",
        help="address, or a part of town",
        aliases=("street", "neighbourhood", "neighborhood", "city", "town", "residence"),
    ),
)

_CLINIC_NUMBER: Final = Field(
    name="clinic_number",
    help="this clinic's own number of the patient, like P-000123, in place of patient_id",
    needed="patient_id or clinic_number",
)

FIELDS: Final[dict[Kind, tuple[Field, ...]]] = {
    Kind.PATIENTS: (
        Field(
            name="patient_id",
            help="the patient's id in the old system: any text, kept as it is",
            aliases=("id", "patient", "patient no", "patient number", "mrn", "uhid", "record no", "file no"),
            needed="patient_id",
        ),
        Field(name="name", help="full name", aliases=("patient name", "full name"), needed="name"),
        Field(
            name="first_name",
            help="given name, where names come in two columns",
            aliases=("given name", "forename"),
            needed="name",
        ),
        Field(
            name="last_name",
            help="family name, where names come in two columns",
            aliases=("surname", "family name"),
            needed="name",
        ),
        *_PERSON,
        Field(name="allergies", help="allergies, as text", aliases=("allergy",)),
        Field(name="notes", help="notes, as text", aliases=("note", "remarks", "comment", "comments")),
        Field(name="contact_by", help="sms, whatsapp, email or none", aliases=("preferred contact",)),
        Field(
            name="language",
            help="code of the language of messages, like hi or pt-BR (default: the clinic's)",
            aliases=("preferred language",),
        ),
        Field(
            name="outreach_consent",
            help="yes or no: may be written to about recalls and reviews (default: no)",
            aliases=("marketing consent", "consent to recalls"),
        ),
        Field(
            name="registered_on",
            help="day of registration; an age is counted on it (default: today)",
            aliases=("registered", "created", "created at", "registration date", "created on"),
            is_date=True,
        ),
    ),
    Kind.APPOINTMENTS: (
        Field(
            name="appointment_id",
            help="the visit's id in the old system: any text, kept as it is",
            aliases=("id", "visit id", "booking id", "appointment no", "appointment number"),
            needed="appointment_id",
        ),
        Field(
            name="patient_id",
            help="the patient's id in the old system; an unknown one becomes a patient",
            aliases=("patient", "patient no", "patient number", "mrn", "uhid"),
            needed="patient_id or clinic_number",
        ),
        _CLINIC_NUMBER,
        Field(
            name="day",
            help="day of the visit, with its time or without; T00:00:00 counts as no time",
            aliases=("date", "appointment day", "appointment date", "visit date", "visit day", "start", "start time"),
            needed="day",
            is_date=True,
        ),
        Field(name="time", help="time of the visit, where it has a column of its own", aliases=("appointment time",)),
        Field(
            name="status",
            help="booked, fulfilled, cancelled, noshow or entered-in-error",
            aliases=("appointment status", "visit status", "outcome", "no show"),
            needed="status",
        ),
        Field(
            name="practitioner",
            help="name or licence; an unknown one is added, inactive",
            aliases=("doctor", "provider", "physician", "dr", "consultant"),
            needed="practitioner",
        ),
        Field(
            name="service",
            help="code or name of a service; an unknown one is added, inactive (default: Imported visit)",
            aliases=("visit type", "appointment type"),
        ),
        Field(name="minutes", help="length of the visit (default: that of the service)", aliases=("duration",)),
        Field(
            name="booked_at",
            help="when it was booked (default: the visit's day)",
            aliases=("scheduled day", "booked on", "booking date", "created", "created at"),
            is_date=True,
        ),
        Field(name="reason", help="reason for the visit, as text", aliases=("complaint",)),
        Field(name="cancel_reason", help="pat, pat-fb, pat-dec, prov or other", aliases=("cancellation reason",)),
        Field(name="name", help="the patient's name, for those not known yet", aliases=("patient name", "full name")),
        *_PERSON,
    ),
    Kind.PAYMENTS: (
        Field(
            name="payment_id",
            help="the payment's id in the old system: any text, kept as it is",
            aliases=("id", "receipt no", "receipt number", "receipt", "transaction id"),
            needed="payment_id",
        ),
        Field(
            name="amount",
            help="amount in the clinic's currency, above 0",
            aliases=("amount paid", "paid"),
            needed="amount",
        ),
        Field(
            name="received_on",
            help="day the money came in, with its time or without",
            aliases=("date", "paid on", "payment date", "received", "received at"),
            needed="received_on",
            is_date=True,
        ),
        Field(
            name="method",
            help="cash, card, upi or bank-transfer",
            aliases=("payment method", "mode", "payment mode", "paid by"),
            needed="method",
        ),
        Field(
            name="invoice_number",
            help="our invoice's number like INV-2026-00042, or that of the old system, which is kept as a reference",
            aliases=("invoice", "invoice no", "bill no", "bill number"),
            needed="patient_id or clinic_number or invoice_number",
        ),
        Field(
            name="patient_id",
            help="the patient's id in the old system: whose money it is when the invoice is not ours",
            aliases=("patient", "patient no", "patient number", "mrn", "uhid"),
            needed="patient_id or clinic_number or invoice_number",
        ),
        replace(_CLINIC_NUMBER, needed="patient_id or clinic_number or invoice_number"),
        Field(
            name="practitioner",
            help="name or licence; an unknown one is added, inactive (default: Imported)",
            aliases=("doctor", "provider"),
        ),
        Field(name="currency", help="ISO code; a row in another than the clinic's is refused"),
        Field(name="reference", help="the bank's or card's reference", aliases=("payment reference", "utr")),
    ),
}

# A header that turns the meaning of Yes and No round, and what they mean under it.
HEADER_CODES: Final = {
    ("status", "noshow"): {
        **dict.fromkeys(("yes", "y", "1", "true"), "noshow"),
        **dict.fromkeys(("no", "n", "0", "false"), "fulfilled"),
    }
}
