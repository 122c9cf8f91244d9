"""What if: a plan, the assumptions it rests on, and the year it leads to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain import money, whatif
from clinic_core.domain.access import Actor
from clinic_core.domain.whatif import Assumptions, Baseline, Plan, Projection, Step
from clinic_core.services import planning
from ui import planning_charts, text, widgets
from ui.planning_parts import percent, signed, tiles
from ui.text import plain

_LABELS: Final = {
    Step.PRICES: "Prices",
    Step.NOSHOW: "No-shows",
    Step.HOURS: "Hours",
    Step.OVERBOOKING: "Overbooking",
}
_MOST_OVERBOOKED: Final = 5


def show(clinic: Clinic, actor: Actor) -> None:
    """Draw the plan and the assumptions, and beside them the year as it was and as it would be."""
    baseline = planning.baseline(clinic, actor)
    if baseline is None:
        widgets.nothing_here(
            f"There are fewer than {planning.FEWEST_DAYS} days of figures yet: too few to say what a year would bring.",
            "query_stats",
        )
        return
    st.caption(plain(_basis(baseline)))
    left, right = st.columns([1, 1], gap="large")
    with left:
        plan = _plan(clinic, baseline)
    assumed = _assumptions(baseline)
    with right:
        _result(clinic, baseline, whatif.project(baseline, plan, assumed))


def _basis(baseline: Baseline) -> str:
    days = f"{widgets.short_day(baseline.start_on)} to {widgets.short_day(baseline.end_on)}"
    return (
        f"Compared with {days}: {_span(baseline)}. Billed is what Reports calls so: invoices with tax, by the day of "
        "issue. A projection with the assumptions below, not a promise."
    )


def _span(baseline: Baseline) -> str:
    return "12 months" if baseline.days >= planning.YEAR_DAYS else f"{baseline.days} days, scaled to a year"


def _plan(clinic: Clinic, baseline: Baseline) -> Plan:
    st.markdown("#### The plan")
    prices = _prices(clinic, baseline)
    hours = _hours(clinic, baseline)
    usual = round(baseline.noshow_rate * 100, 1)
    fields = st.grid(2)
    rate = fields.number_input(
        "No-show rate in %",
        0.0,
        whatif.HIGHEST_NOSHOW * 100,
        usual,
        0.5,
        format="%.1f",
        key="plan.noshow",
        help=f"It was {usual} %. Everybody's rate changes in the same proportion.",
    )
    over = fields.number_input(
        "Extra bookings per session",
        0,
        _MOST_OVERBOOKED,
        0,
        key="plan.over",
        help="A session is a stretch of work without a break, such as a morning.",
    )
    return Plan(
        prices={one: change / 100 for one, change in prices.items() if change},
        hours={one: change for one, change in hours.items() if change},
        noshow_rate=None if rate == usual else rate / 100,
        overbooked=int(over),
    )


def _prices(clinic: Clinic, baseline: Baseline) -> dict[str, float]:
    billed: dict[str, int] = {}
    for practice in baseline.practices:
        for service_id, amount in practice.billed_minor.items():
            billed[service_id] = billed.get(service_id, 0) + amount
    order = sorted(billed, key=lambda one: -billed[one])
    names = [widgets.service_name(clinic, one) for one in order]
    share = [billed[one] / baseline.billed_minor if baseline.billed_minor else 0.0 for one in order]
    changes = _table("Service", names, "Share of billed", share, "Price %", step=1.0, lowest=-90.0, key="plan.prices")
    return dict(zip(order, changes, strict=True))


def _hours(clinic: Clinic, baseline: Baseline) -> dict[str, float]:
    """More or fewer hours a week by practitioner; those without figures of their own cannot be projected."""
    order = [one for one in baseline.practices if one.offered_hours]
    names = [widgets.practitioner_name(clinic, one.practitioner_id) for one in order]
    filled = [min(one.used_hours / one.offered_hours, 1.0) for one in order]
    changes = _table("Practitioner", names, "Hours filled", filled, "Hours a week", step=0.5, lowest=-80.0,
                     key="plan.hours")  # fmt: skip
    return dict(zip((one.practitioner_id for one in order), changes, strict=True))


def _table(
    head: str, names: list[str], told: str, shares: list[float], asked: str, *, step: float, lowest: float, key: str
) -> list[float]:
    """A table of names in which one column can be typed; what stands in it."""
    given: dict[str, Any] = {head: names, told: [round(share * 100) for share in shares], asked: [0.0] * len(names)}
    edited: Mapping[str, Any] = st.data_editor(
        given,
        key=key,
        hide_index=True,
        disabled=[head, told],
        alt=f"{asked}, more or less, by {head.lower()}",
        column_config={
            head: st.column_config.TextColumn(head),
            told: st.column_config.NumberColumn(told, format="%d%%"),
            asked: st.column_config.NumberColumn(
                f"± {asked}", min_value=lowest, max_value=200.0, step=step, default=0.0
            ),
        },
    )
    return [float(value or 0.0) for value in edited[asked]]


def _assumptions(baseline: Baseline) -> Assumptions:
    usual = whatif.assumptions_of(baseline)
    st.markdown("#### What it rests on")
    fields = st.grid(3)
    return Assumptions(
        elasticity=fields.number_input(
            "When prices rise by 10%, visits change by …%. 0 means that nobody stays away because of the price: "
            "a guess, as the clinic's own figures cannot tell.",
            -20.0,
            0.0,
            0.0,
            0.5,
            format="%.1f",
            key="plan.elasticity",
        )
        / 10,
        fill=_share(
            fields,
            f"Extra hours are filled to …%. In these months patients were seen in {percent(usual.fill)} of the hours "
            "offered, by today's weekly hours. Hours that are taken away are lost as they were filled.",
            usual.fill,
            "plan.fill",
        ),
        weeks=fields.number_input(
            f"Changed hours are worked in … weeks of the year. It was {usual.weeks:.1f} on average, absences left out.",
            0.0,
            52.0,
            round(usual.weeks, 1),
            1.0,
            format="%.1f",
            key="plan.weeks",
        ),
        demand=_share(
            fields,
            "Of the extra bookings …% find somebody who wants them. The clinic's figures do not know who was "
            "turned away.",
            usual.demand,
            "plan.demand",
        ),
        squeezed=_share(
            fields,
            "When more come than there are places, …% of those beyond are seen all the same. At 0 extra bookings "
            "only fill what others leave. A session has as many places as visits were due in it on average.",
            usual.squeezed,
            "plan.squeezed",
        ),
        collection=_share(
            fields,
            f"Of what is billed …% comes in. In these months it was {percent(usual.collection)}.",
            usual.collection,
            "plan.collection",
        ),
    )


def _share(fields: Any, label: str, usual: float, key: str) -> float:
    asked: float = fields.number_input(label, 0.0, 100.0, round(usual * 100, 1), 1.0, format="%.1f", key=key)
    return asked / 100


def _result(clinic: Clinic, baseline: Baseline, found: Projection) -> None:
    st.markdown("#### The year")
    change = found.projected_minor - found.billed_minor
    rate = change / found.billed_minor if found.billed_minor else 0.0
    tiles(
        [
            ("Billed as it was", clinic.money(found.billed_minor), _span(baseline)),
            ("Billed with the plan", clinic.money(found.projected_minor), f"{signed(percent(rate), rate)} a year"),
            ("Collected with the plan", clinic.money(found.projected_collected_minor),
             f"{clinic.money(found.collected_minor)} as it was"),
        ]
    )  # fmt: skip
    if any(found.changes.values()):
        _chart(clinic, found, change)
    notes = [sentence for sentence in _notes(clinic, baseline, found, change) if sentence]
    st.markdown("\n".join(f"- {plain(sentence)}" for sentence in notes))


def _chart(clinic: Clinic, found: Projection, change: int) -> None:
    amounts = [*found.changes.values(), change]
    labels = [*(_LABELS[step] for step in found.changes), "Altogether"]
    texts = [signed(clinic.money(amount), amount) for amount in amounts]
    scale = 10.0 ** money.exponent(clinic.organization().currency)
    st.plotly_chart(
        planning_charts.changes(labels, [amount / scale for amount in amounts], texts),
        key="plan.chart",
        config=planning_charts.CONFIG,
        alt="What each part of the plan adds to a year's revenue; the table below has the numbers.",
    )
    st.markdown(text.table(("Step", "A year"), zip(labels, map(plain, texts), strict=True), right=(1,)))


def _notes(clinic: Clinic, baseline: Baseline, found: Projection, change: int) -> tuple[str, ...]:
    if not change and not found.extra_seen:
        return ("Change a price, the hours, the no-show rate or the bookings: the year follows at once.",)
    crowded = (
        f"Overbooking lets {found.extra_seen:,.0f} more patients a year be seen; in {percent(found.crowded)} of the "
        "sessions more come than there are places: somebody waits long or comes in vain."
        if found.extra_seen
        else ""
    )
    return (
        "Each step builds on the one before: hours and overbooking are worth the new prices and the new no-show rate.",
        "An extra hour brings in what an hour with patients has brought this practitioner, as far as it is filled."
        if found.changes[Step.HOURS]
        else "",
        f"Visits that are no longer missed are worth as much as those that were seen. It was "
        f"{percent(baseline.noshow_rate)}."
        if found.changes[Step.NOSHOW]
        else "",
        crowded,
        "Costs (wages for longer hours, rooms, material) are not counted.",
    )
