"""Cash: one's own till from float to count, everybody's tills, and the close of the day."""

import streamlit as st

from ui import cash_count, cash_parts, forms, session

clinic, actor = session.open_page("Cash", action="till.use")
forms.show_done()
with session.show_errors():
    cash_parts.show_business_day(clinic)
    if whose := st.session_state.get(cash_count.COUNTING):
        cash_count.show(clinic, whose)
    else:
        cash_parts.section(actor).show(clinic, actor)
