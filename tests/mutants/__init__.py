"""Mistakes that a programmer could make, put into a copy of the code one at a time, to see which of them the tests notice."""
