"""One self-contained HTML page: what differs, how sure, who took part, what went wrong."""
