"""What every kind of message may say, and its default words, by language. A clinic's own words stand over them.

`short` is what a text message and WhatsApp say: neither patient nor practitioner, service or reason, for the phone may
be a family's; and no sign that would make a text message of the language cost more. A new kind needs its words here
in English; the other languages fall back to the clinic's language and then to English.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from clinic_core.domain.messages import MessageKind as K


class Answer(StrEnum):
    """What a patient is told who wrote to the clinic."""

    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"
    CANCEL_ASKED = "cancel-asked"  # the desk decides
    ALREADY_CANCELLED = "already-cancelled"
    PAST = "past"
    NO_VISIT = "no-visit"
    MOVED = "moved"
    WHICH = "which"  # several visits could be meant
    STARTED = "started"
    HELP = "help"
    RECEIVED = "received"


@dataclass(frozen=True, slots=True)
class Words:
    """One kind of message in one language."""

    short: str
    subject: str
    email: str


PLACEHOLDERS: Final = {
    "patient_first_name": "the patient's first name",
    "clinic": "the clinic's name",
    "clinic_phone": "the clinic's phone",
    "clinic_address": "the clinic's address, on one line",
    "practitioner": "whom the visit is with",
    "day": "the day of the visit",
    "time": "the time of the visit",
    "old_day": "the day before it was moved",
    "old_time": "the time before it was moved",
    "amount": "what is still to be paid",
    "number": "the bill's number",
    "review_url": "the link for reviews",
    "answer": "the answer itself",
    "confirm_word": "what to reply to confirm",
    "cancel_word": "what to reply to cancel",
    "stop_word": "what to reply to get no more messages",
    "reference": "the message's reference; where a text leaves it out it is added at the end",
}
_ALWAYS: Final = ("patient_first_name", "clinic", "clinic_phone", "clinic_address", "reference", "stop_word")
_TIME: Final = (*_ALWAYS, "day", "time", "confirm_word", "cancel_word")
_VISIT: Final = (*_TIME, "practitioner")


@dataclass(frozen=True, slots=True)
class Rule:
    """Which placeholders the words of a kind may hold, and which they must."""

    known: tuple[str, ...]
    required: tuple[str, ...]


RULES: Final[Mapping[K, Rule]] = {
    K.CONFIRMATION: Rule(_VISIT, ("day", "time")),
    K.REMINDER: Rule(_VISIT, ("day", "time")),
    K.CHANGED: Rule((*_VISIT, "old_day", "old_time"), ("day", "time")),
    K.CANCELLED: Rule(_VISIT, ("day", "time")),
    K.WAITLIST_OFFER: Rule(_TIME, ("day", "time", "confirm_word")),
    K.RECALL: Rule(_ALWAYS, ()),
    K.BILL_DUE: Rule((*_ALWAYS, "amount", "number"), ("amount", "number")),
    K.REVIEW: Rule((*_ALWAYS, "review_url"), ("review_url",)),
    K.REPLY: Rule((*_ALWAYS, "answer"), ("answer",)),
}

_EN: Final = {
    K.CONFIRMATION: Words(
        "{clinic}: your visit is booked for {day} at {time}. Reply {cancel_word} to cancel.",
        "Your visit on {day}",
        "Hello {patient_first_name},\n\nyour visit is booked for {day} at {time}, with {practitioner}.\n\n"
        "If you cannot come, please call {clinic_phone}.\n\n{clinic}",
    ),
    K.REMINDER: Words(
        "{clinic}: your visit is on {day} at {time}. Reply {confirm_word} to confirm or {cancel_word} to cancel.",
        "Reminder: your visit on {day}",
        "Hello {patient_first_name},\n\nwe expect you on {day} at {time}, with {practitioner}.\n\n"
        "If you cannot come, please call {clinic_phone}, so that somebody else can have the time.\n\n{clinic}",
    ),
    K.CHANGED: Words(
        "{clinic}: your visit of {old_day} at {old_time} is moved to {day} at {time}. "
        "Reply {confirm_word} to confirm or {cancel_word} to cancel.",
        "Your visit is moved to {day}",
        "Hello {patient_first_name},\n\nyour visit of {old_day} at {old_time} is moved to {day} at {time}, "
        "with {practitioner}.\n\nIf that does not suit you, please call {clinic_phone}.\n\n{clinic}",
    ),
    K.CANCELLED: Words(
        "{clinic}: your visit on {day} at {time} is cancelled. To book again call {clinic_phone}.",
        "Your visit on {day} is cancelled",
        "Hello {patient_first_name},\n\nyour visit on {day} at {time} is cancelled.\n\n"
        "To book again, please call {clinic_phone}.\n\n{clinic}",
    ),
    K.WAITLIST_OFFER: Words(
        "{clinic}: a time has become free on {day} at {time}. Reply {confirm_word} if you want it.",
        "A time has become free on {day}",
        "Hello {patient_first_name},\n\na time has become free on {day} at {time}. "
        "The first who asks gets it: please call {clinic_phone}. (By phone you can also reply {confirm_word}.)\n\n"
        "{clinic}",
    ),
    K.RECALL: Words(
        "{clinic}: it is time for your next visit. Call {clinic_phone} to book. Reply {stop_word} to stop messages.",
        "Time for your next visit",
        "Hello {patient_first_name},\n\nit is time for your next visit. To book it, please call {clinic_phone}.\n\n"
        "If you do not want such messages, tell us and we stop.\n\n{clinic}",
    ),
    K.BILL_DUE: Words(
        "{clinic}: {amount} of bill {number} is still to be paid. Questions? Call {clinic_phone}.",
        "Bill {number}",
        "Hello {patient_first_name},\n\n{amount} of bill {number} is still to be paid. "
        "If you have paid it meanwhile, thank you.\n\nQuestions? Call {clinic_phone}.\n\n{clinic}",
    ),
    K.REVIEW: Words(
        "{clinic}: thank you for your visit. How was it? {review_url} Reply {stop_word} to stop messages.",
        "How was your visit?",
        "Hello {patient_first_name},\n\nthank you for your visit. If you like, tell others how it was:\n{review_url}"
        "\n\nIf you do not want such messages, tell us and we stop.\n\n{clinic}",
    ),
    K.REPLY: Words("{clinic}: {answer}", "Your message", "Hello {patient_first_name},\n\n{answer}\n\n{clinic}"),
}

_HI: Final = {
    K.CONFIRMATION: Words(
        "{clinic}: आपकी मुलाक़ात {day}, {time} पर तय है। रद्द करने के लिए {cancel_word} लिखें।",
        "{day} को आपकी मुलाक़ात",
        "नमस्ते {patient_first_name},\n\nआपकी मुलाक़ात {day}, {time} पर {practitioner} के साथ तय है।\n\n"
        "यदि आप न आ सकें तो कृपया {clinic_phone} पर फ़ोन करें।\n\n{clinic}",
    ),
    K.REMINDER: Words(
        "{clinic}: आपकी मुलाक़ात {day}, {time} पर है। आने के लिए {confirm_word}, रद्द करने के लिए {cancel_word} लिखें।",
        "याद दिला दें: {day} को आपकी मुलाक़ात",
        "नमस्ते {patient_first_name},\n\n{day}, {time} पर {practitioner} के साथ आपकी मुलाक़ात है।\n\n"
        "यदि आप न आ सकें तो कृपया {clinic_phone} पर फ़ोन करें, ताकि यह समय किसी और को मिल सके।\n\n{clinic}",
    ),
    K.CHANGED: Words(
        "{clinic}: आपकी मुलाक़ात {old_day}, {old_time} से बदलकर {day}, {time} कर दी गई है। "
        "आने के लिए {confirm_word}, रद्द करने के लिए {cancel_word} लिखें।",
        "आपकी मुलाक़ात अब {day} को है",
        "नमस्ते {patient_first_name},\n\nआपकी मुलाक़ात {old_day}, {old_time} से बदलकर {day}, {time} कर दी गई है, "
        "{practitioner} के साथ।\n\nयदि यह समय ठीक न हो तो कृपया {clinic_phone} पर फ़ोन करें।\n\n{clinic}",
    ),
    K.CANCELLED: Words(
        "{clinic}: {day}, {time} की आपकी मुलाक़ात रद्द हो गई है। नया समय लेने के लिए {clinic_phone} पर फ़ोन करें।",
        "{day} की आपकी मुलाक़ात रद्द हो गई है",
        "नमस्ते {patient_first_name},\n\n{day}, {time} की आपकी मुलाक़ात रद्द हो गई है।\n\n"
        "नया समय लेने के लिए कृपया {clinic_phone} पर फ़ोन करें।\n\n{clinic}",
    ),
    K.WAITLIST_OFFER: Words(
        "{clinic}: {day}, {time} का समय ख़ाली हुआ है। चाहिए तो {confirm_word} लिखें।",
        "{day} को एक समय ख़ाली हुआ है",
        "नमस्ते {patient_first_name},\n\n{day}, {time} पर एक समय ख़ाली हुआ है। "
        "जो पहले कहेगा उसे मिलेगा: कृपया {clinic_phone} पर फ़ोन करें। (फ़ोन से {confirm_word} भी लिख सकते हैं।)\n\n{clinic}",
    ),
    K.RECALL: Words(
        "{clinic}: आपकी अगली मुलाक़ात का समय हो गया है। {clinic_phone} पर फ़ोन करें। संदेश बंद करने के लिए {stop_word} लिखें।",
        "आपकी अगली मुलाक़ात का समय",
        "नमस्ते {patient_first_name},\n\nआपकी अगली मुलाक़ात का समय हो गया है। समय लेने के लिए कृपया {clinic_phone} पर फ़ोन करें।"
        "\n\nयदि आप ऐसे संदेश नहीं चाहते तो हमें बताएँ।\n\n{clinic}",
    ),
    K.BILL_DUE: Words(
        "{clinic}: बिल {number} के {amount} अभी बाक़ी हैं। प्रश्न हो तो {clinic_phone} पर फ़ोन करें।",
        "बिल {number}",
        "नमस्ते {patient_first_name},\n\nबिल {number} के {amount} अभी बाक़ी हैं। यदि आप चुका चुके हैं तो धन्यवाद।\n\n"
        "प्रश्न हो तो {clinic_phone} पर फ़ोन करें।\n\n{clinic}",
    ),
    K.REVIEW: Words(
        "{clinic}: आने के लिए धन्यवाद। कैसा लगा? {review_url} संदेश बंद करने के लिए {stop_word} लिखें।",
        "आपकी मुलाक़ात कैसी रही?",
        "नमस्ते {patient_first_name},\n\nआने के लिए धन्यवाद। चाहें तो औरों को बताएँ कि कैसा लगा:\n{review_url}\n\n"
        "यदि आप ऐसे संदेश नहीं चाहते तो हमें बताएँ।\n\n{clinic}",
    ),
    K.REPLY: Words("{clinic}: {answer}", "आपका संदेश", "नमस्ते {patient_first_name},\n\n{answer}\n\n{clinic}"),
}

_DE: Final = {
    K.CONFIRMATION: Words(
        "{clinic}: Ihr Termin ist gebucht: {day} um {time}. Zum Absagen antworten Sie {cancel_word}.",
        "Ihr Termin am {day}",
        "Guten Tag {patient_first_name},\n\nIhr Termin ist gebucht: {day} um {time}, bei {practitioner}.\n\n"
        "Wenn Sie nicht kommen können, rufen Sie bitte an: {clinic_phone}.\n\n{clinic}",
    ),
    K.REMINDER: Words(
        "{clinic}: Ihr Termin ist am {day} um {time}. Antworten Sie {confirm_word} zum Bestätigen, "
        "{cancel_word} zum Absagen.",
        "Erinnerung: Ihr Termin am {day}",
        "Guten Tag {patient_first_name},\n\nwir erwarten Sie am {day} um {time}, bei {practitioner}.\n\n"
        "Wenn Sie nicht kommen können, rufen Sie bitte an: {clinic_phone}. Dann kann jemand anders den Termin haben."
        "\n\n{clinic}",
    ),
    K.CHANGED: Words(
        "{clinic}: Ihr Termin vom {old_day} um {old_time} ist verschoben auf {day} um {time}. "
        "Antworten Sie {confirm_word} zum Bestätigen, {cancel_word} zum Absagen.",
        "Ihr Termin ist verschoben auf {day}",
        "Guten Tag {patient_first_name},\n\nIhr Termin vom {old_day} um {old_time} ist verschoben auf {day} um {time}, "
        "bei {practitioner}.\n\nWenn das nicht passt, rufen Sie bitte an: {clinic_phone}.\n\n{clinic}",
    ),
    K.CANCELLED: Words(
        "{clinic}: Ihr Termin am {day} um {time} ist abgesagt. Für einen neuen rufen Sie an: {clinic_phone}.",
        "Ihr Termin am {day} ist abgesagt",
        "Guten Tag {patient_first_name},\n\nIhr Termin am {day} um {time} ist abgesagt.\n\n"
        "Für einen neuen Termin rufen Sie bitte an: {clinic_phone}.\n\n{clinic}",
    ),
    K.WAITLIST_OFFER: Words(
        "{clinic}: Ein Termin ist frei geworden: {day} um {time}. Antworten Sie {confirm_word}, wenn Sie ihn möchten.",
        "Ein Termin ist frei geworden: {day}",
        "Guten Tag {patient_first_name},\n\nein Termin ist frei geworden: {day} um {time}. "
        "Wer zuerst fragt, bekommt ihn: {clinic_phone}. (Vom Telefon genügt auch die Antwort {confirm_word}.)\n\n"
        "{clinic}",
    ),
    K.RECALL: Words(
        "{clinic}: Es ist Zeit für Ihren nächsten Termin. Rufen Sie an: {clinic_phone}. "
        "Keine Nachrichten mehr: antworten Sie {stop_word}.",
        "Zeit für Ihren nächsten Termin",
        "Guten Tag {patient_first_name},\n\nes ist Zeit für Ihren nächsten Termin. Rufen Sie bitte an: {clinic_phone}."
        "\n\nWenn Sie solche Nachrichten nicht möchten, sagen Sie es uns.\n\n{clinic}",
    ),
    K.BILL_DUE: Words(
        "{clinic}: Von Rechnung {number} sind noch {amount} offen. Fragen? {clinic_phone}.",
        "Rechnung {number}",
        "Guten Tag {patient_first_name},\n\nvon Rechnung {number} sind noch {amount} offen. "
        "Falls Sie inzwischen bezahlt haben: vielen Dank.\n\nFragen? {clinic_phone}.\n\n{clinic}",
    ),
    K.REVIEW: Words(
        "{clinic}: Danke für Ihren Besuch. Wie war es? {review_url} Keine Nachrichten mehr: antworten Sie {stop_word}.",
        "Wie war Ihr Besuch?",
        "Guten Tag {patient_first_name},\n\ndanke für Ihren Besuch. Wenn Sie mögen, sagen Sie anderen, wie es war:\n"
        "{review_url}\n\nWenn Sie solche Nachrichten nicht möchten, sagen Sie es uns.\n\n{clinic}",
    ),
    K.REPLY: Words("{clinic}: {answer}", "Ihre Nachricht", "Guten Tag {patient_first_name},\n\n{answer}\n\n{clinic}"),
}

_RU: Final = {
    K.CONFIRMATION: Words(
        "{clinic}: вы записаны на {day}, {time}. Чтобы отменить, ответьте {cancel_word}.",
        "Ваш приём {day}",
        "Здравствуйте, {patient_first_name}!\n\nВы записаны на {day}, {time}. Врач: {practitioner}.\n\n"
        "Если вы не сможете прийти, позвоните нам: {clinic_phone}.\n\n{clinic}",
    ),
    K.REMINDER: Words(
        "{clinic}: ваш приём {day}, {time}. Подтвердить: {confirm_word}, отменить: {cancel_word}.",
        "Напоминание: ваш приём {day}",
        "Здравствуйте, {patient_first_name}!\n\nЖдём вас {day}, {time}. Врач: {practitioner}.\n\n"
        "Если вы не сможете прийти, позвоните нам: {clinic_phone}. Тогда это время достанется другому.\n\n{clinic}",
    ),
    K.CHANGED: Words(
        "{clinic}: ваш приём {old_day}, {old_time} перенесён на {day}, {time}. "
        "Подтвердить: {confirm_word}, отменить: {cancel_word}.",
        "Ваш приём перенесён на {day}",
        "Здравствуйте, {patient_first_name}!\n\nВаш приём {old_day}, {old_time} перенесён на {day}, {time}. "
        "Врач: {practitioner}.\n\nЕсли это время не подходит, позвоните нам: {clinic_phone}.\n\n{clinic}",
    ),
    K.CANCELLED: Words(
        "{clinic}: ваш приём {day}, {time} отменён. Записаться снова: {clinic_phone}.",
        "Ваш приём {day} отменён",
        "Здравствуйте, {patient_first_name}!\n\nВаш приём {day}, {time} отменён.\n\n"
        "Чтобы записаться снова, позвоните нам: {clinic_phone}.\n\n{clinic}",
    ),
    K.WAITLIST_OFFER: Words(
        "{clinic}: освободилось время {day}, {time}. Если оно вам нужно, ответьте {confirm_word}.",
        "Освободилось время {day}",
        "Здравствуйте, {patient_first_name}!\n\nОсвободилось время {day}, {time}. "
        "Его получит тот, кто ответит первым: {clinic_phone}. (С телефона можно ответить {confirm_word}.)\n\n{clinic}",
    ),
    K.RECALL: Words(
        "{clinic}: пора записаться на следующий приём: {clinic_phone}. Чтобы не получать сообщений: {stop_word}.",
        "Пора на следующий приём",
        "Здравствуйте, {patient_first_name}!\n\nПора записаться на следующий приём: {clinic_phone}.\n\n"
        "Если вы не хотите получать такие сообщения, скажите нам.\n\n{clinic}",
    ),
    K.BILL_DUE: Words(
        "{clinic}: по счёту {number} осталось заплатить {amount}. Вопросы: {clinic_phone}.",
        "Счёт {number}",
        "Здравствуйте, {patient_first_name}!\n\nПо счёту {number} осталось заплатить {amount}. "
        "Если вы уже заплатили, спасибо.\n\nВопросы: {clinic_phone}.\n\n{clinic}",
    ),
    K.REVIEW: Words(
        "{clinic}: спасибо, что пришли. Как всё прошло? {review_url} Чтобы не получать сообщений: {stop_word}.",
        "Как прошёл ваш приём?",
        "Здравствуйте, {patient_first_name}!\n\nСпасибо, что пришли. Если хотите, расскажите другим, как всё прошло:\n"
        "{review_url}\n\nЕсли вы не хотите получать такие сообщения, скажите нам.\n\n{clinic}",
    ),
    K.REPLY: Words(
        "{clinic}: {answer}", "Ваше сообщение", "Здравствуйте, {patient_first_name}!\n\n{answer}\n\n{clinic}"
    ),
}

WORDS: Final[Mapping[str, Mapping[K, Words]]] = {"en": _EN, "hi": _HI, "de": _DE, "ru": _RU}

ANSWERS: Final[Mapping[str, Mapping[Answer, str]]] = {
    "en": {
        Answer.CONFIRMED: "thank you, we expect you on {day} at {time}.",
        Answer.CANCELLED: "your visit on {day} at {time} is cancelled. To book again call {clinic_phone}.",
        Answer.CANCEL_ASKED: "we read that you want to cancel {day} at {time}. We will answer; or call {clinic_phone}.",
        Answer.ALREADY_CANCELLED: "your visit on {day} at {time} was cancelled. To book again call {clinic_phone}.",
        Answer.PAST: "your visit on {day} at {time} is over. For a new one call {clinic_phone}.",
        Answer.NO_VISIT: "we found no visit for this number. Please call {clinic_phone}.",
        Answer.MOVED: "your visit was moved: it is now on {day} at {time}. Reply {confirm_word} to confirm.",
        Answer.WHICH: "which visit do you mean? Reply one of: {choices}",
        Answer.STARTED: "you get our messages again.",
        Answer.HELP: "reply {confirm_word} to confirm a visit, {cancel_word} to cancel, {stop_word} for no messages. "
        "Or call {clinic_phone}.",
        Answer.RECEIVED: "thank you, we read your message and will answer.",
    },
    "hi": {
        Answer.CONFIRMED: "धन्यवाद, {day}, {time} पर आपका इंतज़ार रहेगा।",
        Answer.CANCELLED: "{day}, {time} की मुलाक़ात रद्द हो गई है। नया समय: {clinic_phone}.",
        Answer.CANCEL_ASKED: "आप {day}, {time} की मुलाक़ात रद्द करना चाहते हैं। हम उत्तर देंगे; या फ़ोन करें: {clinic_phone}.",
        Answer.ALREADY_CANCELLED: "{day}, {time} की मुलाक़ात पहले ही रद्द हो चुकी है। नया समय: {clinic_phone}.",
        Answer.PAST: "{day}, {time} की मुलाक़ात हो चुकी है। नया समय: {clinic_phone}.",
        Answer.NO_VISIT: "इस नंबर की कोई मुलाक़ात नहीं मिली। कृपया फ़ोन करें: {clinic_phone}.",
        Answer.MOVED: "आपकी मुलाक़ात अब {day}, {time} पर है। आने के लिए {confirm_word} लिखें।",
        Answer.WHICH: "किस मुलाक़ात की बात है? इनमें से एक लिखें: {choices}",
        Answer.STARTED: "आपको फिर से संदेश मिलेंगे।",
        Answer.HELP: "आने के लिए {confirm_word}, रद्द करने के लिए {cancel_word}, संदेश बंद करने के लिए {stop_word} लिखें। "
        "या फ़ोन करें: {clinic_phone}.",
        Answer.RECEIVED: "धन्यवाद, हम आपका संदेश पढ़कर उत्तर देंगे।",
    },
    "de": {
        Answer.CONFIRMED: "Danke, wir erwarten Sie am {day} um {time}.",
        Answer.CANCELLED: "Ihr Termin am {day} um {time} ist abgesagt. Neuer Termin: {clinic_phone}.",
        Answer.CANCEL_ASKED: "Sie möchten den Termin am {day} um {time} absagen. Wir melden uns; oder: {clinic_phone}.",
        Answer.ALREADY_CANCELLED: "Ihr Termin am {day} um {time} war abgesagt. Neuer Termin: {clinic_phone}.",
        Answer.PAST: "Ihr Termin am {day} um {time} ist vorbei. Neuer Termin: {clinic_phone}.",
        Answer.NO_VISIT: "Zu dieser Nummer gibt es keinen Termin. Bitte rufen Sie an: {clinic_phone}.",
        Answer.MOVED: "Ihr Termin ist verschoben auf {day} um {time}. Antworten Sie {confirm_word} zum Bestätigen.",
        Answer.WHICH: "Welchen Termin meinen Sie? Antworten Sie mit einem davon: {choices}",
        Answer.STARTED: "Sie bekommen wieder Nachrichten von uns.",
        Answer.HELP: "Antworten Sie {confirm_word} zum Bestätigen, {cancel_word} zum Absagen, {stop_word} für keine "
        "Nachrichten mehr. Oder: {clinic_phone}.",
        Answer.RECEIVED: "Danke, wir lesen Ihre Nachricht und antworten.",
    },
    "ru": {
        Answer.CONFIRMED: "спасибо, ждём вас {day}, {time}.",
        Answer.CANCELLED: "ваш приём {day}, {time} отменён. Записаться снова: {clinic_phone}.",
        Answer.CANCEL_ASKED: "вы хотите отменить приём {day}, {time}. Мы ответим; или позвоните: {clinic_phone}.",
        Answer.ALREADY_CANCELLED: "ваш приём {day}, {time} уже был отменён. Записаться снова: {clinic_phone}.",
        Answer.PAST: "ваш приём {day}, {time} уже прошёл. Записаться снова: {clinic_phone}.",
        Answer.NO_VISIT: "по этому номеру записи нет. Позвоните нам: {clinic_phone}.",
        Answer.MOVED: "ваш приём перенесён на {day}, {time}. Подтвердить: {confirm_word}.",
        Answer.WHICH: "какой приём вы имеете в виду? Ответьте одним из: {choices}",
        Answer.STARTED: "вы снова получаете наши сообщения.",
        Answer.HELP: "подтвердить приём: {confirm_word}, отменить: {cancel_word}, не получать сообщений: {stop_word}. "
        "Или позвоните: {clinic_phone}.",
        Answer.RECEIVED: "спасибо, мы прочитаем ваше сообщение и ответим.",
    },
}
