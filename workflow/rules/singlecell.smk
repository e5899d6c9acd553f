# Single cell. A job takes one library batch, one library in memory at a time.


def libraries_of(wildcards):
    return [row for row in LIBRARIES if row["batch"] == wildcards.batch]


def library_files(wildcards):
    rows = libraries_of(wildcards)
    return [row[column] for row in rows for column in ("path", "contigs_path") if row[column]]


rule annotate:
    input:
        files=library_files,
        signatures=STUDY.signatures,
    output:
        quality=AT.library_quality("{batch}"),
        cells=AT.cells("{batch}"),
        counts=AT.cell_counts("{batch}"),
        pseudobulk=AT.pseudobulk("{batch}"),
        depth=AT.pseudobulk_depth("{batch}"),
    params:
        settings=freeze(SETTINGS.singlecell, AT.settings, "singlecell"),
        libraries=lambda wildcards: freeze(
            libraries_of(wildcards), AT.settings, f"libraries-{wildcards.batch}"
        ),
        folder=lambda wildcards, output: Path(output.cells).parent,
        version=VERSION,
    log:
        AT.log("annotate", "{batch}"),
    message:
        "Calling innate T cells: library batch {wildcards.batch}"
    shell:
        "itc annotate --config {params.settings} --libraries {params.libraries}"
        " --signatures {input.signatures} --output-folder {params.folder} > {log} 2>&1"
