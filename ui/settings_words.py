"""The words of messages: an editor with a preview that follows the typing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import time, timedelta
from html import escape
from typing import Final

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain import clock, templates
from clinic_core.domain.message_words import PLACEHOLDERS, RULES, Answer
from clinic_core.domain.messages import Channel, MessageKind, Template
from clinic_core.domain.templates import DEFAULTS, Matter, Rendered
from clinic_core.errors import ClinicError
from clinic_core.services import directory
from ui import forms, session, text, versioned
from ui.live_text import live_text

_NAME: Final = "settings.words"
_LABELS: Final = {"subject": "Subject", "body": "Words", "content_sid": "Approved template"}
_REVISION: Final = f"{_NAME}.revision"
_REFERENCE: Final = "K7P2QD"
_FEW: Final = 12  # signs that can be changed for others; more are a script


@dataclass(slots=True)
class Draft:
    """What was typed of one template and not saved."""

    subject: str
    body: str
    content_sid: str


@st.fragment
def show(clinic: Clinic) -> None:
    """Choose a template, change its words, see what becomes of them."""
    session.require_actor(clinic)
    opened = _choose(clinic)
    base: Template = versioned.opened(f"{_NAME}.{opened.id}", opened)
    left, right = st.columns([3, 2], gap="large")
    with left:
        wanted = _edit(base)
        _buttons(clinic, base, wanted)
    with right:
        _preview(clinic, wanted)
    _unsaved(base)


def _choose(clinic: Clinic) -> Template:
    view = clinic.directory()
    usual = view.message_policy.default_language
    codes = templates.languages(view.templates)
    codes += tuple(code for code in templates.all_languages() if code not in codes)
    kinds, channels, languages = st.columns([3, 3, 2])
    kind = (
        kinds.selectbox("Message", tuple(MessageKind), index=1, format_func=lambda one: one.label, key=f"{_NAME}.kind")
        or MessageKind.REMINDER
    )
    channel = channels.segmented_control(
        "Way", tuple(Channel), default=Channel.SMS, format_func=lambda one: one.label, required=True, key=f"{_NAME}.way"
    )
    language = languages.selectbox(
        "Language",
        codes,
        index=codes.index(usual) if usual in codes else 0,
        format_func=templates.language_name,
        key=f"{_NAME}.language",
        help="A language without words of its own begins with those of the clinic's language.",
    )
    return _template(view.templates, kind, channel, language or templates.ENGLISH)


def _template(known: Mapping[str, Template], kind: MessageKind, channel: Channel, language: str) -> Template:
    """The words that are there, or those of the nearest language as the beginning of new ones."""
    found = templates.find(known, kind, channel, language)
    if found.language == language:
        return found
    key = templates.template_id(kind, channel, language)
    return replace(found, id=key, language=language, content_sid="", version=0)


def _edit(base: Template) -> Template:
    """Draw the fields; the template as it is typed now."""
    draft = versioned.drafts(_NAME).get(base.id) or Draft(base.subject, base.body, base.content_sid)
    revision = st.session_state.setdefault(_REVISION, 0)

    def keep(field: str, value: str) -> None:
        setattr(draft, field, value)
        versioned.drafts(_NAME)[base.id] = draft

    if base.channel is Channel.EMAIL:
        _line(base, draft, "subject", keep, limit=templates.LONGEST_SUBJECT)
    live_text(
        _LABELS["body"],
        draft.body,
        key=f"{_NAME}.body.{base.id}",
        revision=revision,
        on_text=lambda typed: keep("body", typed),
        marks={f"{{{name}}}": PLACEHOLDERS[name] for name in RULES[base.kind].known},
        most=templates.LONGEST[base.channel],
        rows=10 if base.channel is Channel.EMAIL else 4,
    )
    if base.channel is Channel.WHATSAPP:
        _line(base, draft, "content_sid", keep, limit=40)
    return replace(base, subject=draft.subject, body=draft.body, content_sid=draft.content_sid)


def _line(base: Template, draft: Draft, field: str, keep: Callable[[str, str], None], *, limit: int) -> None:
    key = f"{_NAME}.{field}.{base.id}.{st.session_state[_REVISION]}"
    st.text_input(
        _LABELS[field],
        getattr(draft, field),
        key=key,
        live="250ms",
        max_chars=limit,
        on_change=lambda: keep(field, st.session_state[key] or ""),
        placeholder="HX…" if field == "content_sid" else None,
        help="The id of the template that WhatsApp approved. Without it only patients who wrote within 24 hours "
        "can be answered."
        if field == "content_sid"
        else None,
    )


def _buttons(clinic: Clinic, base: Template, wanted: Template) -> None:
    name, default = f"{_NAME}.{base.id}", DEFAULTS.get(base.id)
    with st.container(horizontal=True):
        saving = st.button(
            "Save",
            type="secondary" if versioned.is_clashing(name) else "primary",
            icon=":material/save:",
            key=f"{_NAME}.save",
        )
        if wanted != base:
            st.button("Take back what I typed", key=f"{_NAME}.back", on_click=_forget, args=(base.id,))
        if default is not None and _differ(default, wanted):
            st.button("Default words", key=f"{_NAME}.default", on_click=_put_default, args=(default,))
    if saving:
        with session.show_errors():
            _save(clinic, name, wanted)
    versioned.show_clash(name, _LABELS, write=lambda record: _write(clinic, record))


def _save(clinic: Clinic, name: str, wanted: Template) -> None:
    versioned.save(
        name,
        templates.check_template(wanted),
        write=lambda record: _write(clinic, record),
        latest=lambda: versioned.newest(clinic).templates.get(wanted.id, wanted),
    )
    forms.done(f"{wanted.kind.label}, {wanted.channel.label}: the words are saved.")


def _write(clinic: Clinic, wanted: Template) -> None:
    directory.save_template(clinic, session.require_actor(clinic), wanted)
    _forget(wanted.id)


def _forget(template_id: str) -> None:
    """Begin again with what is saved. A callback too."""
    versioned.drafts(_NAME).pop(template_id, None)
    st.session_state[_REVISION] += 1


def _put_default(default: Template) -> None:
    versioned.drafts(_NAME)[default.id] = Draft(default.subject, default.body, default.content_sid)
    st.session_state[_REVISION] += 1


def _differ(one: Template, other: Template) -> bool:
    return (one.subject, one.body) != (other.subject, other.body)


def _preview(clinic: Clinic, wanted: Template) -> None:
    """The message of an example visit as it looks on a phone, what it takes and what it costs."""
    st.markdown("**As the patient reads it**")
    try:
        rendered = _example(clinic, templates.check_template(wanted))
    except ClinicError as error:
        st.warning(text.plain(str(error)), icon=":material/edit_note:")
        return
    st.html(_bubble(clinic, wanted, rendered))
    if wanted.channel is Channel.EMAIL:
        entry = "With an entry for the patient's calendar. " if "day" in RULES[wanted.kind].required else ""
        st.caption(f"{entry}No carrier charges for it.")
        return
    _size(clinic, wanted, rendered)
    if wanted.content_sid:
        listed = ", ".join(f"{{{{{n}}}}} {value}" for n, value in rendered.variables.items())
        st.caption(text.plain(f"The approved template is filled with: {listed}"))


def _example(clinic: Clinic, wanted: Template) -> Rendered:
    view, tomorrow = clinic.directory(), clinic.today() + timedelta(days=1)
    profile = view.organization
    practitioners = view.active_practitioners
    matter = Matter(
        patient_name="Asha Rao",
        practitioner=practitioners[0].name if practitioners else "Dr A",
        start=clock.at_local(tomorrow, time(10, 30), profile.zone),
        old_start=clock.at_local(tomorrow - timedelta(days=1), time(16), profile.zone),
        amount_minor=125_000,
        number=f"{profile.invoice_prefix}-{tomorrow.year}-00042",
        answer=Answer.CONFIRMED,
        reference=_REFERENCE,
    )
    policy = view.message_policy
    if not policy.review_url:
        policy = replace(policy, review_url="https://example.org/review")
    return templates.compose(wanted, matter, profile, policy)


def _bubble(clinic: Clinic, wanted: Template, rendered: Rendered) -> str:
    head = escape(clinic.organization().name)
    if wanted.channel is Channel.EMAIL:
        head += f'<div style="font-weight:600;margin-top:.35rem" dir="auto">{escape(rendered.subject)}</div>'
    return (
        '<div style="max-width:22rem;border:1px solid rgba(128,128,128,.35);border-radius:1.25rem;padding:.75rem 1rem">'
        f'<div style="font-size:.8rem;opacity:.75;margin-bottom:.5rem">{head}</div>'
        '<div dir="auto" style="background:rgba(128,128,128,.16);border-radius:1rem;padding:.6rem .8rem;'
        f'white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.45">{escape(rendered.text)}</div></div>'
    )


def _size(clinic: Clinic, wanted: Template, rendered: Rendered) -> None:
    view = clinic.directory()
    size, price = rendered.size, templates.price_micros(wanted.channel, rendered.size, view.message_policy)
    cost = view.organization.money_micros(price) if price else "no price entered"
    if wanted.channel is Channel.WHATSAPP:
        st.markdown(f"**{text.plain(cost)}** · one message")
        return
    segments = "1 segment" if size.segments == 1 else f"{size.segments} segments"
    st.markdown(f"**{segments}, {text.plain(cost)}**  \n{size.encoding}, {size.left} characters left in the segment")
    if len(size.costly) > _FEW:
        st.caption("The letters of this language take UCS-2: 70 characters to a segment instead of 160.")
    elif size.costly:
        shown = " ".join(f"`{c}`" for c in size.costly if not c.isspace()) or "a special space"
        st.caption(f"These characters make it UCS-2, 70 to a segment instead of 160: {shown}")
    st.caption("Of an example; longer names make a longer message.")


def _unsaved(base: Template) -> None:
    others = [i for i in versioned.drafts(_NAME) if i != base.id and i in DEFAULTS]
    if others:
        names = ", ".join(
            f"{DEFAULTS[i].kind.label} ({DEFAULTS[i].channel.label}, {templates.language_name(DEFAULTS[i].language)})"
            for i in others
        )
        st.caption(f"Not saved yet: {names}.")
