"""Planning: whom to call before a visit, how good the no-show model is, and what if."""

from ui import planning_views, session

clinic, actor = session.open_page("Planning", action="planning.open")
with session.show_errors():
    planning_views.show(clinic, actor)
