"""Reports: what was billed and collected, by whom and for what, and who came. Every figure opens its rows."""

import streamlit as st

from clinic_core.services import reports
from ui import report_views, session

clinic, actor = session.open_page("Reports", action="report.read")
with session.show_errors():
    question = report_views.ask(clinic)
    summary, below = st.container(), st.container()
    with below:
        name = report_views.choose_report()
        view = reports.view(clinic, actor, question, name, report_views.chosen_figure(name))
        report_views.report(clinic, view.answer)
        report_views.rows(clinic, question, view)
    with summary:
        report_views.summary(clinic, view.summary)
