"""The contracts: one class per table that people write or that one room hands to another.

`sheets` are written by people (TSV, read as text), `made` by steps (Parquet). docs/data-model.md is
generated from these classes; `contract` reads, writes and checks any of them.
"""
