"""The page in CONTRIBUTING.md is one that works."""

from streamlit.testing.v1 import AppTest

from clinic_core.domain.access import Actor
from tests.conftest import World
from tests.examples import example
from tests.pages import screen


def opened(world: World, actor: Actor) -> AppTest:
    """The example as that person sees it."""
    page = AppTest.from_string(example("pages/newest.py"), default_timeout=20)
    page.session_state["clinic"], page.session_state["actor"] = world.clinic, actor
    return screen.run(page)


def test_the_example_of_a_page_works(world: World, reception: Actor, admin: Actor) -> None:
    """For those who may, and for nobody else."""
    assert "Asha Rao · P-000001" in screen.said(opened(world, reception))
    page = opened(world, admin)
    assert "may not open" in screen.errors(page)[0]
    assert "Asha" not in screen.said(page)
