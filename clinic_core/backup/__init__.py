"""Backups: the archive, its encryption, the signed manifest, and what is done with them."""
