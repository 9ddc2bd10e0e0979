"""Data: files and frames become tables, tables become the samples that a model was declared for."""
