"""Rules without input or output: everything here is a pure function or a frozen record."""
