"""The languages of the report: English in the code, others in catalogues."""
