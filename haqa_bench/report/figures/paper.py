"""Figures in the paper's form."""
