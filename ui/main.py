"""The router: Streamlit runs it for every page. It shows the menu of the actor's role and runs the page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

from ui import session
from ui.navigation import PAGES, Screen, landing, open_to

ROOT = Path(__file__).resolve().parent.parent
# Streamlit's own export of tables neither leaves a line in the audit trail nor makes formulas harmless; ours does both.
STYLE = '<style>button[aria-label="Download as CSV"] { display: none }</style>'
ICON = str(ROOT / "ui" / "assets" / "icon.svg")
SIDEBAR_PIXELS = 230


def main() -> None:
    """One run of the app."""
    st.set_page_config(page_icon=ICON, layout="wide", initial_sidebar_state=SIDEBAR_PIXELS)
    with session.granted() as actor:
        clinic = session.the_clinic()
        mine = open_to(actor)
        declared = {screen.name: _page(screen, refused=screen not in mine) for screen in PAGES}
        start = st.Page(_opener(declared[landing(actor).name]), title="Start", default=True, visibility="hidden")
        chosen = st.navigation([start, *declared.values()], position="sidebar", expanded=True)
        st.logo(ICON, size="large")
        st.html(STYLE)
        with st.sidebar:
            lines = (f":small[{_plain(line)}]" for line in (actor.name, actor.role.capitalize()))
            st.markdown("  \n".join((f"**{_plain(clinic.organization().name)}**", *lines)))
            st.button("Sign out", icon=":material/logout:", on_click=session.sign_out, key="sign_out", width="stretch")
        chosen.run()


def _page(screen: Screen, *, refused: bool) -> Any:
    """The page by its absolute path; for who may not open it, an entry out of the menu that says so."""
    icon = f":material/{screen.icon}:"
    if refused:
        return st.Page(_refuser(), title=screen.title, icon=icon, url_path=screen.name, visibility="hidden")
    return st.Page(ROOT / "pages" / f"{screen.name}.py", title=screen.title, icon=icon, url_path=screen.name)


def _refuser() -> Callable[[], None]:
    def refused() -> None:
        session.refuse(session.require_actor(session.the_clinic()))

    return refused


def _opener(page: Any) -> Callable[[], None]:
    def start() -> None:
        st.switch_page(page)

    return start


def _plain(text: str) -> str:
    """Text that Markdown leaves as it is."""
    return "".join(f"\\{character}" if character in r"\`*_{}[]()#+-.!|:$<>~" else character for character in text)


main()
