"""`python -m itc_analysis` is `itc`, for where the command is not on PATH."""

from itc_analysis.cli import main

raise SystemExit(main())
