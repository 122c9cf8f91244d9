"""The clinic in plain Python: rules, storage and the verbs that screens, jobs and commands call."""
