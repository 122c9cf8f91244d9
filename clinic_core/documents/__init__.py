"""PDFs: pure functions of their arguments, byte-identical for equal arguments."""
