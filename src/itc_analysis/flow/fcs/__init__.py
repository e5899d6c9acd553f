"""FCS files: bytes to events in instrument units, keywords, the instrument, copies without
identity.
"""
