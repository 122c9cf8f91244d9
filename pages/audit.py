"""Audit: who did what to which record, when."""

from ui import audit_view, session

clinic, actor = session.open_page("Audit", action="audit.read")
with session.show_errors():
    audit_view.show(clinic, actor, audit_view.ask(clinic, actor))
