"""Systemic lupus erythematosus, 2019 EULAR/ACR criteria.

Aringer et al. 2019, doi:10.1136/annrheumdis-2018-214819.
"""

from __future__ import annotations

from itc_analysis.cohort.classification.engine import (
    Condition,
    Criteria,
    Domain,
    Finding,
    Items,
    Result,
    all_of,
    any_of,
    at_least,
    finding,
    judge,
    yes,
)

#: Reciprocal of the entry titre on HEp-2 cells, 1:80.
ENTRY_TITRE = 80

CLINICAL = (
    Domain("constitutional", (finding("sle_fever", 2, "fever"),)),
    Domain(
        "haematological",
        (
            finding("sle_leukopenia", 3, "leukopenia"),
            finding("sle_thrombocytopenia", 4, "thrombocytopenia"),
            finding("sle_haemolysis", 4, "autoimmune haemolysis"),
        ),
    ),
    Domain(
        "neuropsychiatric",
        (
            finding("sle_delirium", 2, "delirium"),
            finding("sle_psychosis", 3, "psychosis"),
            finding("sle_seizure", 5, "seizure"),
        ),
    ),
    Domain(
        "mucocutaneous",
        (
            finding("sle_alopecia", 2, "non-scarring alopecia"),
            finding("sle_oral_ulcers", 2, "oral ulcers"),
            finding("sle_subacute_or_discoid", 4, "subacute cutaneous or discoid lupus"),
            finding("sle_acute_cutaneous", 6, "acute cutaneous lupus"),
        ),
    ),
    Domain(
        "serosal",
        (
            finding("sle_effusion", 5, "pleural or pericardial effusion"),
            finding("sle_pericarditis", 6, "acute pericarditis"),
        ),
    ),
    Domain("musculoskeletal", (finding("sle_joints", 6, "joint involvement"),)),
    Domain(
        "renal",
        (
            finding("sle_proteinuria", 4, "proteinuria"),
            finding("sle_nephritis_2_or_5", 8, "class II or V nephritis"),
            finding("sle_nephritis_3_or_4", 10, "class III or IV nephritis"),
        ),
    ),
)
IMMUNOLOGICAL = (
    Domain(
        "antiphospholipid", (finding("sle_antiphospholipid", 2, "antiphospholipid antibodies"),)
    ),
    Domain(
        "complement",
        (
            Finding("low C3 or C4", 3, any_of(yes("sle_low_c3"), yes("sle_low_c4"))),
            Finding("low C3 and C4", 4, all_of(yes("sle_low_c3"), yes("sle_low_c4"))),
        ),
    ),
    Domain(
        "SLE-specific antibodies",
        (Finding("anti-dsDNA or anti-Sm", 6, any_of(yes("sle_anti_dsdna"), yes("sle_anti_sm"))),),
    ),
)
SLE_2019 = Criteria(
    name="sle_2019",
    title="Systemic lupus erythematosus, EULAR/ACR 2019",
    source="10.1136/annrheumdis-2018-214819",
    cut_off=10,  # drafts that circulate say "more than 10"
    domains=(*CLINICAL, *IMMUNOLOGICAL),
    conditions=(
        Condition(at_least("ana_titre", ENTRY_TITRE), "ANA never reached 1:80 (entry criterion)"),
        Condition(
            any_of(*(each.test for domain in CLINICAL for each in domain.findings)),
            "no clinical criterion",
        ),
    ),
)


def assess(items: Items) -> Result:
    """Judge one person; fulfilled from 10 of 51 points on, with ANA and a clinical criterion."""
    return judge(SLE_2019, items)
