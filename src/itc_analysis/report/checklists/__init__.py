"""Reporting checklists: STROBE and MIFlowCyt."""
