"""Statistics on arrays: arrays and plain numbers in and out, no table, no setting of a study.

What takes a table, a design, a plan or settings belongs to a room, the comparisons to `stats`;
what needs arrays only stands here, also where a single room uses it.
"""
