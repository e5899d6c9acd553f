# Single cell. A job takes one library batch, one library in memory at a time.


rule annotate:
    input:
        files=library_files,
        signatures=STUDY.signatures,
    output:
        **AT.made_by("annotate"),
    log:
        AT.log("annotate", "{batch}"),
    resources:
        mem_mb=library_memory,
        runtime=library_minutes,
    params:
        settings=settings_of("annotate"),
        libraries=frozen_libraries,
        folder=lambda wildcards, output: Path(output.cells).parent,
        sources=sources(STUDY.signatures),
        version=VERSION,
    message:
        "Calling innate T cells: library batch {wildcards.batch}"
    shell:
        "itc annotate --config {params.settings:q} --libraries {params.libraries:q}"
        " --signatures {input.signatures:q} --output-folder {params.folder:q} > {log:q} 2>&1"
