# What a job asks of a scheduler: memory (MB) and time (minutes), from what was measured (docs/scaling.md),
# as functions of the size of its input. A retried job asks for half as much again.
# Snakemake itself takes some 350 MB inside a Slurm job; they are part of every figure.

#: MB that a command of this kind took before its data, with Snakemake's part
START_MB = 1000
N_TUBES = len(TUBES)
N_LIBRARIES = len(LIBRARIES)
#: MB that the molecules of a library's populations take, gene by gene (measured: 24 for 70,000 rows)
LIBRARY_MB = 30
#: MB for each of a library's file; Scrublet holds every distance between cells (20,000: 3.4 GB for 57 MB)
TIMES_LIBRARY = 60 if SETTINGS.singlecell.doublets == "scrublet" else 30


def grown(amount, attempt):
    """The amount of a first attempt, half as much again at each further one."""
    return int(amount * 1.5 ** (attempt - 1))


def sizes_mb(files):
    """Megabytes of the files that are there; a dry run asks before all are."""
    found = [Path(file) for file in files]
    return [path.stat().st_size / 1e6 for path in found if path.is_file()] or [0]


def tube_memory(wildcards, input, attempt):
    """One tube at a time is in memory; its work takes some five times its file."""
    return grown(START_MB + 6 * max(sizes_mb(input)), attempt)


def tube_minutes(wildcards, input, attempt):
    """A core gates some 20 MB of FCS files a second; a busy file system gives a tenth of it."""
    return grown(15 + sum(sizes_mb(input)) / 120, attempt)


def library_memory(wildcards, input, attempt):
    """One library at a time; compressed counts unfold to some twenty times their file."""
    return grown(START_MB + 500 + TIMES_LIBRARY * max(sizes_mb(input)), attempt)


def library_minutes(wildcards, input, attempt):
    return grown(15 + sum(sizes_mb(input)) / 10, attempt)


def table_memory(wildcards, attempt):
    """Tables of the whole study: their rows grow with its tubes and libraries."""
    return grown(START_MB + N_TUBES + LIBRARY_MB * N_LIBRARIES, attempt)


def table_minutes(wildcards, attempt):
    return grown(15 + (N_TUBES + N_LIBRARIES) / 30, attempt)
