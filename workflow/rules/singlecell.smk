# Single cell. A job takes one library batch, one library in memory at a time.


rule annotate:
    input:
        files=library_files,
        signatures=STUDY.signatures,
    output:
        quality=AT.library_quality("{batch}"),
        cells=AT.cells("{batch}"),
        counts=AT.cell_counts("{batch}"),
        soft=AT.soft_counts("{batch}"),
        pseudobulk=AT.pseudobulk("{batch}"),
        depth=AT.pseudobulk_depth("{batch}"),
    log:
        AT.log("annotate", "{batch}"),
    params:
        settings=freeze(SETTINGS.singlecell, AT.settings, "singlecell"),
        libraries=frozen_libraries,
        folder=lambda wildcards, output: Path(output.cells).parent,
        version=VERSION,
    message:
        "Calling innate T cells: library batch {wildcards.batch}"
    shell:
        "itc annotate --config {params.settings} --libraries {params.libraries}"
        " --signatures {input.signatures} --output-folder {params.folder} > {log} 2>&1"
