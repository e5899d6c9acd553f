"""The front door for programmers: what `import itc_analysis as itc` offers.

Files, tables and names in, tables out: no sheets, no settings files, no Snakemake. Everything is
done by the rooms; here arguments are checked and results are dressed. `docs/api.md` lists the
functions.
"""
