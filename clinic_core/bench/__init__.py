"""Measurements that are run by hand and print JSON; never a timed assertion in a test.

This is the one place under `clinic_core` that may import `streamlit.proto`: it plays the browser's part.
"""
