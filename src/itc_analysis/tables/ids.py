"""What an id may look like. No pandas: the Snakefile reads sheets with it."""

from __future__ import annotations

#: Ids become names of files and folders, which have 255 bytes at most with their endings, and plot
#: labels.
LONGEST_ID = 100
ID_PATTERN = rf"^[A-Za-z0-9][A-Za-z0-9_.-]{{0,{LONGEST_ID - 1}}}$"
