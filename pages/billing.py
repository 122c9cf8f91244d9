"""Billing: what waits to be billed and paid, and one bill from draft to receipt."""

import streamlit as st

from ui import bill_list, bills, forms, invoice_view, session

clinic, actor = session.open_page("Billing", action="invoice.read")
forms.show_done()
if opened := st.session_state.get(bills.OPENED):
    invoice_view.show(clinic, actor, opened)
else:
    bill_list.show(clinic, actor)
