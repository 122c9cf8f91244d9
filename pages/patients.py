"""Patients: find, register, change, and the record of one."""

import streamlit as st

from ui import forms, patient_form, patient_list, patient_record, session, widgets

clinic, actor = session.open_page("Patients", action="patient.search")
forms.show_done()

if opened := st.query_params.get(widgets.PATIENT_PARAM):
    with session.show_errors():
        patient_record.show(clinic, actor, opened)
elif patient_form.is_open(patient_list.FORM):
    st.subheader("Register a new patient")
    with st.container(width=720):
        made = patient_form.show(clinic, patient_list.FORM)
        st.button("Back to the search", on_click=patient_form.close, args=(patient_list.FORM,), key="patients.back")
    if made is not None:
        st.query_params[widgets.PATIENT_PARAM] = made.id
        forms.done(f"Registered as {made.number}.")
else:
    patient_list.show()
