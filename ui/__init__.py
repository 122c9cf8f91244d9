"""Streamlit that is no page: the router, the guard of every page, and what pages share."""
