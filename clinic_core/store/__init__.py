"""The only code that speaks to MongoDB: one file per collection."""
