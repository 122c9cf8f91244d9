"""Messages: what patients write, who is told what tomorrow and who is not, what went out, failed and cost."""

from ui import messages_views, session

clinic, actor = session.open_page("Messages", action="message.read")
with session.show_errors():
    messages_views.show(clinic, actor)
