"""Planning: whom to call before a visit, how good the no-show model is, and what if.

The risk says whom to call. Nothing that books, moves or cancels a visit reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from clinic_core.clinic import Clinic
from clinic_core.domain import access, clock, noshow
from clinic_core.domain.access import Actor
from clinic_core.domain.appointments import Appointment, AppointmentStatus
from clinic_core.domain.noshow import Booking, Model, Names, Outcome, Past
from clinic_core.domain.people import Patient
from clinic_core.domain.schedules import Schedule
from clinic_core.domain.whatif import Baseline, Practice
from clinic_core.errors import InvalidInput
from clinic_core.reports import hours
from clinic_core.reports.measures import MISSED, PRACTITIONER, SEEN, SERVICE
from clinic_core.reports.periods import Grain
from clinic_core.services import noshow_training
from clinic_core.services.fact_columns import COUNT, Fact, Narrow
from clinic_core.services.facts import Snapshot, snapshot
from clinic_core.services.recent import Recent

YEAR_DAYS: Final = 365
FEWEST_DAYS: Final = 28  # of figures, below which a year is a guess
_UNTRAINED: Final = "No model has been trained yet: it is made in the background once a day."


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRow:
    """A booked visit, how likely it is to be missed (None without a model), and why."""

    appointment: Appointment
    patient: Patient
    risk: float | None
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallList:
    """The booked visits of a day, the likeliest to be missed first; those that the patient confirmed come last."""

    day: date
    rows: tuple[CallRow, ...]
    usual: float = 0.0  # the clinic's no-show rate when the model was made; 0 without one
    refusal: str = ""  # why there are no probabilities


_histories: Recent[Mapping[str, list[Outcome]]] = Recent(8)
_baselines: Recent[Baseline | None] = Recent(4)


def train(clinic: Clinic) -> Model:
    """Learn anew from past visits and keep the model, or why there is none. For the sidecar."""
    visits = snapshot(clinic).visits.frame(None, noshow_training.COLUMNS)
    model = noshow_training.train(visits, today=clinic.today(), now=clinic.now())
    clinic.models.save(model)
    return model


def standing(clinic: Clinic, actor: Actor) -> Model | None:
    """The model in use as everybody who plans may see it: since when, and why there is none; no figures in it."""
    access.require(actor, "planning.open")
    found = clinic.models.no_show()
    return None if found is None else Model(trained_at=found.trained_at, refusal=found.refusal, visits=found.visits)


def model(clinic: Clinic, actor: Actor) -> Model | None:
    """The model with its figures; None when none was ever trained."""
    access.require(actor, "planning.model")
    clinic.audit.record_read(actor, "planning.model", noshow.MODEL_ID)
    return clinic.models.no_show()


def call_list(clinic: Clinic, actor: Actor, day: date) -> CallList:
    """The visits that are booked on a day to come, the likeliest to be missed first.

    Raises InvalidInput for today and earlier days: the risk is that of the day before.
    """
    access.require(actor, "planning.read")
    if day <= clinic.today():
        raise InvalidInput("Choose tomorrow or a later day: the list tells whom to call before the day.", field="day")
    clinic.audit.record_read(actor, "planning.read", day.isoformat())
    booked = [a for a in clinic.appointments.on_day(day) if a.status is AppointmentStatus.BOOKED and not a.untimed]
    patients = clinic.patients.for_list(a.patient_id for a in booked)
    histories = _histories_of(clinic, frozenset(patients))
    found = clinic.models.no_show()
    usable = found if found is not None and found.usable else None
    rows = [_row(clinic, one, patients[one.patient_id], histories.get(one.patient_id, ()), usable) for one in booked]
    ranked = sorted(rows, key=lambda pair: (pair[0].appointment.confirmed_at is not None, pair[1]))
    return CallList(
        day=day,
        rows=tuple(row for row, _ in ranked),
        usual=usable.quality.base_rate if usable and usable.quality else 0.0,
        refusal="" if usable else found.refusal if found is not None else _UNTRAINED,
    )


def baseline(clinic: Clinic, actor: Actor) -> Baseline | None:
    """The last twelve months that a plan is compared with; None while there are fewer than four weeks of figures.

    A younger clinic's figures are scaled to a year.
    """
    access.require(actor, "report.read")
    clinic.audit.record_read(actor, "report.read", "what-if")
    now, today = snapshot(clinic), clinic.today()
    schedules = clinic.directory().schedules
    key = (now.serial, today, tuple(sorted((one.id, one.version) for one in schedules.values())))
    return _baselines.get(key, lambda: _baseline(clinic, now, today))


def _row(
    clinic: Clinic, visit: Appointment, patient: Patient, known: Sequence[Outcome], usable: Model | None
) -> tuple[CallRow, tuple[float, ...]]:
    """The row and where it sorts; `known` are the patient's earlier visits."""
    past = noshow.past_of(known, visit.day)
    booking = Booking(
        day=visit.day,
        hour=clinic.local(visit.start).hour,
        lead_days=(visit.day - clock.local_day(visit.booked_at, clinic.zone)).days,
        practitioner_id=visit.practitioner_id,
        service_id=visit.service_id,
    )
    if usable is None:
        reasons = noshow.plain_reasons(booking, past)
        return CallRow(appointment=visit, patient=patient, risk=None, reasons=reasons), _by_hand(booking, past)
    risk = noshow.probability(usable, booking, past)
    reasons = noshow.reasons(usable, booking, past, _names(clinic))
    row = CallRow(appointment=visit, patient=patient, risk=risk, reasons=reasons)
    return row, (-risk, visit.start.timestamp())


def _by_hand(booking: Booking, past: Past) -> tuple[float, ...]:
    """The order without a model: most of the last visits missed, then missed ever, then booked longest ago."""
    return (-sum(past.recent), -past.missed, -booking.lead_days)


def _histories_of(clinic: Clinic, patient_ids: frozenset[str]) -> Mapping[str, list[Outcome]]:
    """What became of these patients' earlier visits."""
    now = snapshot(clinic)
    return _histories.get((now.serial, patient_ids), lambda: _read_histories(now, patient_ids))


def _read_histories(now: Snapshot, patient_ids: frozenset[str]) -> Mapping[str, list[Outcome]]:
    theirs = now.visits.frame(Narrow().with_only("patient_id", patient_ids), noshow_training.COLUMNS)
    found: dict[str, list[Outcome]] = {}
    for patient_id, outcome in noshow_training.outcomes(theirs):
        found.setdefault(patient_id, []).append(outcome)
    return found


def _names(clinic: Clinic) -> Names:
    directory = clinic.directory()
    return Names(
        practitioners={p.id: p.name for p in directory.practitioners.values()},
        services={s.id: s.name for s in directory.services.values()},
    )


def _baseline(clinic: Clinic, now: Snapshot, today: date) -> Baseline | None:
    end_on = today - timedelta(days=1)
    began = [fact.frame(None, ("day",))["day"].min().date() for fact in (now.charges, now.visits) if len(fact)]
    start_on = max(today - timedelta(days=YEAR_DAYS), min(began, default=today))
    days = (today - start_on).days
    if days < FEWEST_DAYS:
        return None
    scale, narrow = YEAR_DAYS / days, Narrow(first=start_on, last=end_on)
    billed = _sums(now.charges, (PRACTITIONER, SERVICE), "total_minor", narrow)
    visits = _sums(now.visits, (PRACTITIONER, "status"), COUNT, narrow)
    minutes = _sums(now.visits, (PRACTITIONER, "status"), "minutes", narrow)
    collected = sum(_sums(now.payments, ("event",), "amount_minor", narrow).values())
    directory = clinic.directory()
    known = {practitioner_id for practitioner_id, _ in (*billed, *visits)}
    known |= {practitioner.id for practitioner in directory.active_practitioners}
    practices = []
    for one in sorted(known):
        offered, sessions = _hours(directory.schedule(one), start_on, days)
        practices.append(
            Practice(
                practitioner_id=one,
                billed_minor={s: round(amount * scale) for (p, s), amount in sorted(billed.items()) if p == one},
                seen=visits.get((one, *SEEN), 0) * scale,
                missed=visits.get((one, *MISSED), 0) * scale,
                used_hours=minutes.get((one, *SEEN), 0) / 60 * scale,
                offered_hours=offered * scale,
                sessions=sessions * scale,
            )
        )
    return Baseline(
        start_on=start_on,
        end_on=end_on,
        days=days,
        practices=tuple(practices),
        collected_minor=round(collected * scale),
        weeks=_weeks([directory.schedule(one) for one in sorted(known)], today),
    )


def _sums(fact: Fact, by: tuple[str, ...], column: str, narrow: Narrow) -> dict[tuple[str, ...], int]:
    """The sum of a column by the values of others; "count" counts the rows."""
    found = fact.totals(by, () if column == COUNT else (column,), narrow, Grain.MONTH)
    keys = zip(*(found[name].astype(str) for name in by), strict=True)
    return {key: int(amount) for key, amount in zip(keys, found[column], strict=True)}


def _hours(schedule: Schedule, start_on: date, days: int) -> tuple[float, int]:
    """Hours and sessions that the present weekly hours, without absences, offer on these days."""
    minutes = hours.offered([schedule], start_on, start_on + timedelta(days=days - 1)).values()
    sessions = sum(len(schedule.openings_on(start_on + timedelta(days=n))) for n in range(days))
    return sum(minutes) / 60, sessions


def _weeks(schedules: Iterable[Schedule], today: date) -> float:
    """In how many weeks of the last year somebody with hours worked, on average."""
    days = [today - timedelta(days=n) for n in range(1, 52 * 7 + 1)]
    worked = [len({n // 7 for n, day in enumerate(days) if schedule.openings_on(day)}) for schedule in schedules]
    working = [weeks for weeks in worked if weeks]
    return sum(working) / len(working) if working else 52.0
