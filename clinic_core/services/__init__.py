"""The verbs: each asks `access` first, does its work in few steps that are safe to repeat, and writes the audit line."""
