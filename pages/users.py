"""Users: who may sign in, as what."""

from clinic_core.services import users
from ui import forms, session, user_forms, versioned
from ui.record_form import choose, listing

_CHOSEN = "users.user"

clinic, actor = session.open_page("Users", action="user.read")
forms.show_done()
versioned.enter(_CHOSEN)
with session.show_errors():
    everybody = {user.id: user for user in users.list_users(clinic, actor)}
    chosen = choose("User", everybody, show=lambda u: f"{u.name} · {u.username}", new="New user", key=_CHOSEN)
    if chosen is None:
        user_forms.add(clinic, actor)
    else:
        user_forms.change(clinic, actor, chosen)
    columns = ("Name", "Username", "Role", "Practitioner", "")
    listing("Everybody", columns, [user_forms.row(clinic, user) for user in everybody.values()], key=_CHOSEN)
