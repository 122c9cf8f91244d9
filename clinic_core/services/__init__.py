"""The verbs: each asks `access` first, works in few steps that are safe to repeat, and writes the audit line."""
