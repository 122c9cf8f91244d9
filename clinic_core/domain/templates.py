"""The words of messages: which placeholders a kind has, and what becomes of a template for one patient and visit.

A text message may light up on a phone that a family shares, so the default words name neither patient, practitioner,
service nor reason; see docs/decisions/words-of-messages.md.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Final

from babel.core import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton, format_time
from babel.localedata import locale_identifiers
from babel.numbers import format_currency

from clinic_core.domain import money, people, segments
from clinic_core.domain.message_words import ANSWERS, RULES, WORDS, Answer
from clinic_core.domain.messages import Channel, MessageKind, MessagePolicy, Template
from clinic_core.domain.organization import Organization
from clinic_core.domain.segments import Size
from clinic_core.errors import InvalidInput

REPLY_WORDS: Final = {"confirm_word": "C", "cancel_word": "X", "stop_word": "STOP"}
LONGEST: Final = {Channel.SMS: 640, Channel.WHATSAPP: 1_024, Channel.EMAIL: 5_000}
LONGEST_SUBJECT: Final = 150
ENGLISH: Final = "en"
_NAME: Final = re.compile(r"\{([^{}]*)\}")
_WIDE_SPACES: Final = re.compile("[\u00a0\u2009\u202f]")  # in times of some locales: one would make the text UCS-2


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """What one message speaks of; what its kind does not need stays empty."""

    patient_name: str = ""
    practitioner: str = ""
    start: datetime | None = None  # aware
    old_start: datetime | None = None
    amount_minor: int = 0
    number: str = ""
    answer: Answer | None = None
    choices: tuple[tuple[datetime, str], ...] = ()  # of an answer: starts of visits, and what to reply for each
    reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A message as it is sent."""

    subject: str
    text: str
    size: Size  # as text messages
    variables: Mapping[str, str]  # of an approved WhatsApp template: "1" is the first placeholder of `whole`, and so on

    @property
    def segments(self) -> int:
        """How many text messages it is."""
        return self.size.segments


def template_id(kind: MessageKind, channel: Channel, language: str) -> str:
    """The id of a template."""
    return f"{kind}:{channel}:{language}"


def find(
    templates: Mapping[str, Template], kind: MessageKind, channel: Channel, language: str, *, default: str = ENGLISH
) -> Template:
    """The words in the patient's language, or the nearest there are: "de-AT", "de", the clinic's own, English."""
    for tried in (language, language.partition("-")[0], default, default.partition("-")[0], ENGLISH):
        if (found := templates.get(template_id(kind, channel, tried))) is not None:
            return found
    raise KeyError(kind)  # every kind has English words: see the test of `DEFAULTS`


def compose(template: Template, matter: Matter, organization: Organization, policy: MessagePolicy) -> Rendered:
    """The message of a template, days and times on the clinic's wall clock and in the template's language."""
    return render(template, values(template, matter, organization, policy))


def render(template: Template, known: Mapping[str, str]) -> Rendered:
    """Put values in place of the placeholders. Raises InvalidInput where one of them has no value."""
    body = whole(template)
    text = _filled(body, known)
    names = dict.fromkeys(_NAME.findall(body))
    return Rendered(
        subject=" ".join(_filled(template.subject, known).split()),
        text=text,
        size=segments.measure(text),
        variables={str(n): known[name] for n, name in enumerate(names, 1)},
    )


def whole(template: Template) -> str:
    """The words with the reference at the end where they leave it out: it is how a message is found again."""
    if "{reference}" in template.body:
        return template.body
    return template.body + ("\n\n" if template.channel is Channel.EMAIL else " ") + "Ref {reference}"


def values(template: Template, matter: Matter, organization: Organization, policy: MessagePolicy) -> dict[str, str]:
    """What stands for each placeholder of the template's kind."""
    language, channel = template.language, template.channel
    name = " ".join(matter.patient_name.split())
    found = {
        "patient_first_name": name.partition(" ")[0],
        "clinic": organization.name,
        "clinic_phone": _phone(organization),
        "clinic_address": _address(organization),
        "practitioner": matter.practitioner,
        "day": day_text(matter.start, language, channel, organization),
        "time": time_text(matter.start, language, organization),
        "old_day": day_text(matter.old_start, language, channel, organization),
        "old_time": time_text(matter.old_start, language, organization),
        "amount": amount_text(matter.amount_minor, language, channel, organization),
        "number": matter.number,
        "review_url": policy.review_url,
        **REPLY_WORDS,
        "reference": matter.reference,
    }
    if matter.answer is not None:
        said = found | {"choices": _choices(matter, language, organization)}
        found["answer"] = _filled(_answers(language)[matter.answer], said)
    return {name: found[name] for name in RULES[template.kind].known if name in found}


def day_text(start: datetime | None, language: str, channel: Channel, organization: Organization) -> str:
    """``"Tue, 3 Mar"``, in an e-mail ``"Tuesday, 3 March 2026"``, on the clinic's wall clock."""
    if start is None:
        return ""
    locale, day = locale_of(language, organization), start.astimezone(organization.zone)
    if channel is Channel.EMAIL:
        return _narrow(format_date(day, "full", locale=locale))
    return _narrow(format_skeleton("MMMEd", day, locale=locale))


def time_text(start: datetime | None, language: str, organization: Organization) -> str:
    """``"10:30 am"`` as the language and the clinic's region write it, on the clinic's wall clock."""
    if start is None:
        return ""
    return _narrow(format_time(start.astimezone(organization.zone), "short", locale=locale_of(language, organization)))


def amount_text(amount_minor: int, language: str, channel: Channel, organization: Organization) -> str:
    """An amount of money; in a text message with the currency's code where its sign would make the text UCS-2."""
    locale, currency = locale_of(language, organization), organization.currency
    amount = money.to_decimal(amount_minor, currency)
    shown = _narrow(format_currency(amount, currency, locale=locale))
    if channel is Channel.SMS and segments.measure(shown).costly:
        return _narrow(format_currency(amount, currency, "¤¤ #,##0.00", locale=locale))
    return shown


def price_micros(channel: Channel, size: Size, policy: MessagePolicy) -> int:
    """What sending it should cost: text messages by the segment, WhatsApp by the message, e-mail nothing."""
    if channel is Channel.SMS:
        return size.segments * policy.sms_price_micros
    return policy.whatsapp_price_micros if channel is Channel.WHATSAPP else 0


def check_template(template: Template) -> Template:
    """The template as it is stored; raises InvalidInput naming the field and what is wrong with its words."""
    subject, body = " ".join(template.subject.split()), template.body.replace("\r\n", "\n").strip()
    is_mail = template.channel is Channel.EMAIL
    if not body:
        raise InvalidInput("Give the message some words.", field="body")
    if is_mail and not subject:
        raise InvalidInput("An e-mail needs a subject.", field="subject")
    if len(body) > LONGEST[template.channel]:
        raise InvalidInput(f"It is too long: at most {LONGEST[template.channel]} characters.", field="body")
    if len(subject) > LONGEST_SUBJECT:
        raise InvalidInput(f"A subject has at most {LONGEST_SUBJECT} characters.", field="subject")
    _check_names(template.kind, body, "body")
    _check_names(template.kind, subject, "subject")
    missing = [name for name in RULES[template.kind].required if f"{{{name}}}" not in body]
    if missing:
        names = " and ".join(f"{{{name}}}" for name in missing)
        raise InvalidInput(f"{template.kind.label}: it must say {names}.", field="body")
    return replace(
        template,
        language=check_language(template.language) or ENGLISH,
        subject=subject if is_mail else "",
        body=body,
        content_sid=template.content_sid.strip() if template.channel is Channel.WHATSAPP else "",
    )


def check_language(text: str) -> str:
    """A language as it is stored (BCP 47), e.g. ``en`` or ``pt-BR``; "" for blank; raises InvalidInput."""
    wanted = text.strip().replace("_", "-")
    if not wanted:
        return ""
    try:
        return str(Locale.parse(wanted, sep="-")).replace("_", "-")
    except (ValueError, UnknownLocaleError) as error:
        raise InvalidInput("This is no language; write its code, like en, hi or de.", field="language") from error


def language_name(code: str) -> str:
    """The language's English name, e.g. ``Hindi``."""
    try:
        return str(Locale.parse(code, sep="-").get_display_name(ENGLISH))
    except (ValueError, UnknownLocaleError):
        return code


def locale_of(language: str, organization: Organization) -> Locale:
    """How a language is written in the clinic's region where that is known, or else by itself."""
    region = organization.region
    for name in (f"{language}-{region}", language, language.partition("-")[0], f"{ENGLISH}-{region}"):
        try:
            return Locale.parse(name, sep="-")
        except (ValueError, UnknownLocaleError):
            continue
    return Locale.parse(ENGLISH)


def languages(templates: Mapping[str, Template]) -> tuple[str, ...]:
    """The languages that messages can be written in, by name."""
    return tuple(sorted({one.language for one in templates.values()}, key=language_name))


@lru_cache(maxsize=1)
def all_languages() -> tuple[str, ...]:
    """Every language whose days and times are known (CLDR), by name."""
    codes = {name.partition("_")[0] for name in locale_identifiers()} - {"root"}
    return tuple(sorted(codes, key=language_name))


def merged(saved: Mapping[str, Template]) -> dict[str, Template]:
    """Every template by id: what the clinic saved, over the default words."""
    return {**DEFAULTS, **saved}


def _check_names(kind: MessageKind, text: str, field: str) -> None:
    known = RULES[kind].known
    for name in _NAME.findall(text):
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            meant = f" Did you mean {{{near[0]}}}?" if near else ""
            listed = ", ".join(f"{{{one}}}" for one in known)
            raise InvalidInput(
                f"There is no {{{name}}} in this kind of message.{meant} Known are: {listed}.", field=field
            )
    if stray := next((c for c in _NAME.sub("", text) if c in "{}"), ""):
        raise InvalidInput(f"There is a {stray} without its pair. A placeholder is written {{day}}.", field=field)


def _filled(text: str, known: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        if not (found := known.get(match[1], "")):
            raise InvalidInput(f"There is nothing to put in place of {match[0]}.", field="body")
        return found

    return _NAME.sub(value, text)


def _choices(matter: Matter, language: str, organization: Organization) -> str:
    """``"C 7KD4QX (Tue, 3 Mar 10:30 am), C 8MM2PP (…)"``: times and references, nobody's name."""
    return ", ".join(
        f"{reply} ({day_text(start, language, Channel.SMS, organization)} {time_text(start, language, organization)})"
        for start, reply in matter.choices
    )


def _answers(language: str) -> Mapping[Answer, str]:
    return ANSWERS.get(language) or ANSWERS.get(language.partition("-")[0]) or ANSWERS[ENGLISH]


def _phone(organization: Organization) -> str:
    """The clinic's phone grouped for reading; its name where it has none, so that "call …" still makes sense."""
    try:
        phone = people.parse_phone(organization.phone, organization.region)
    except InvalidInput:
        return organization.phone.strip()
    return people.show_phone(phone) or organization.name


def _address(organization: Organization) -> str:
    lines = (line.strip() for line in organization.address.splitlines())
    return ", ".join(line for line in lines if line) or organization.name


def _narrow(text: object) -> str:
    return _WIDE_SPACES.sub(" ", str(text))


def _defaults() -> dict[str, Template]:
    made = [
        Template(
            id=template_id(kind, channel, language),
            kind=kind,
            channel=channel,
            language=language,
            subject=words.subject if channel is Channel.EMAIL else "",
            body=words.email if channel is Channel.EMAIL else words.short,
        )
        for language, by_kind in WORDS.items()
        for kind, words in by_kind.items()
        for channel in Channel
    ]
    return {one.id: one for one in made}


DEFAULTS: Final[Mapping[str, Template]] = _defaults()
