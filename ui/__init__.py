"""Streamlit that is no page: the router, the guard of every page, shared widgets and charts."""
