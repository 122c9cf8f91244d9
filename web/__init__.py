"""HTTP that is no page: who is let in, signing in and out, health, and what every answer carries."""
