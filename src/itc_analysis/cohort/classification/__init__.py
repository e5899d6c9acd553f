"""Classification criteria as scoring tables: who fulfils which set, on what items, and what is
missing.

Classification criteria define cohorts; they are no diagnostic tests.
"""
