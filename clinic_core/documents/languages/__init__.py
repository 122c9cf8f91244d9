"""The words on documents, a file for each language; see docs of `documents.labels`."""
