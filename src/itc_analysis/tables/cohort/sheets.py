"""Sheets that people write: TSV, one class each. Missing is an empty cell and never means "no".

`itc init` makes the templates and the data dictionary from these classes; `cohort.sheets` reads
them as text and reports every fault with its row.
"""

import pandas as pd
import pandera.pandas as pa
from pandera.typing import Series

from itc_analysis.tables.cohort.classification import ClassificationSheet
from itc_analysis.tables.cohort.column_mapping import ColumnMappingSheet
from itc_analysis.tables.cohort.variables import VariableSheet
from itc_analysis.tables.contract import Contract
from itc_analysis.tables.fields import identifier, number, text, yes_no


class ParticipantSheet(Contract, key=("participant_id",)):
    """One row per person. Pseudonyms only: no names, no hospital numbers, no dates."""

    participant_id: Series[pd.StringDtype] = identifier("Pseudonym of the person; a random code.")
    group: Series[pd.StringDtype] = text("Group by the clinician's diagnosis.", nullable=False)
    age_years: Series[float] = number("Age at the blood draw.", "years", 0, 110)
    sex: Series[pd.StringDtype] = text("Sex: F or M.", allowed=["F", "M"])
    weight_kg: Series[float] = number("Body weight.", "kg", 2, 300)
    bmi: Series[float] = number("Body mass index.", "kg/m2", 8, 80)
    cmv_igg: Series[pd.BooleanDtype] = yes_no(
        "CMV IgG positive. Changes gamma-delta and KIR+ CD8 T cells."
    )
    protocol_version: Series[pd.StringDtype] = text(
        "Version of the protocol under which the person was enrolled: initial, current or none.",
        allowed=["initial", "current", "none"],
    )
    # inclusion
    classification_met: Series[pd.BooleanDtype] = yes_no(
        "Declared by the clinician: fulfils the classification criteria of the group "
        "(SSc 2013 ACR/EULAR or 2001 early SSc, SLE 2019, pSS 2016, RA 2010, IIM 2017)."
    )
    autoimmune_disease_known: Series[pd.BooleanDtype] = yes_no(
        "Known autoimmune or connective tissue disease (asked of healthy people)."
    )
    # exclusion
    overlap_syndrome: Series[pd.BooleanDtype] = yes_no(
        "Overlap syndrome, including secondary Sjögren syndrome."
    )
    primary_cellular_immunodeficiency: Series[pd.BooleanDtype] = yes_no(
        "Known primary cellular immunodeficiency."
    )
    stem_cell_transplantation: Series[pd.BooleanDtype] = yes_no(
        "Autologous or allogeneic haematopoietic stem cell transplantation, ever."
    )
    malignancy_ever: Series[pd.BooleanDtype] = yes_no(
        "Solid neoplasia or malignant haemopathy, ever."
    )
    malignancy_remission_months: Series[float] = number(
        "Months in remission, when there was a malignancy; 0 while it is active.", "months", 0, 1200
    )
    chemotherapy_or_checkpoint_12_months: Series[pd.BooleanDtype] = yes_no(
        "Chemotherapy or immune checkpoint inhibitor in the last 12 months."
    )
    chemotherapy_or_checkpoint_months_ago: Series[float] = number(
        "Months since the end of chemotherapy or checkpoint inhibitor; 0 while it lasts, empty "
        "when never. Decides where given: fewer than 12 exclude.",
        "months",
        0,
        1200,
    )
    systemic_retinoids: Series[pd.BooleanDtype] = yes_no("Systemic retinoids.")
    infection_or_antibiotics_2_weeks: Series[pd.BooleanDtype] = yes_no(
        "Active infection or antibiotics in the last 2 weeks."
    )
    infection_or_antibiotics_days_ago: Series[float] = number(
        "Days since the end of the last infection or antibiotic; 0 while it lasts, empty when "
        "never. Decides where given: fewer than 14 exclude.",
        "days",
        0,
        36_500,
    )
    chronic_infection: Series[pd.BooleanDtype] = yes_no(
        "Known active HIV, HTLV, viral hepatitis or syphilis."
    )
    vaccination_4_weeks: Series[pd.BooleanDtype] = yes_no("Vaccination in the last 4 weeks.")
    vaccination_days_ago: Series[float] = number(
        "Days since the last vaccination; empty when never. Decides where given: fewer than 28 "
        "exclude.",
        "days",
        0,
        36_500,
    )
    refuses_genetic_analysis: Series[pd.BooleanDtype] = yes_no(
        "Refuses genetic analysis for this study."
    )
    pregnant_or_breastfeeding: Series[pd.BooleanDtype] = yes_no(
        "Pregnant or breastfeeding; empty for men."
    )
    immunosuppressant_3_months: Series[pd.BooleanDtype] = yes_no(
        "Immunosuppressive drug in the last 3 months other than hydroxychloroquine and "
        "glucocorticoids up to 7.5 mg/d (excluded by the initial protocol)."
    )
    immunosuppressant_months_ago: Series[float] = number(
        "Months since the last such immunosuppressive drug; 0 while it is taken, empty when never. "
        "Decides where given: fewer than 3 excluded by the initial protocol.",
        "months",
        0,
        1200,
    )
    biologic_6_months: Series[pd.BooleanDtype] = yes_no(
        "Biological therapy in the last 6 months (excluded by the initial protocol)."
    )
    biologic_months_ago: Series[float] = number(
        "Months since the last biological therapy; 0 while it is taken, empty when never. Decides "
        "where given: fewer than 6 excluded by the initial protocol.",
        "months",
        0,
        1200,
    )
    # treatment and disease
    hydroxychloroquine: Series[pd.BooleanDtype] = yes_no("Takes hydroxychloroquine.")
    glucocorticoid_mg_per_day: Series[float] = number(
        "Glucocorticoids, prednisone equivalent.", "mg/d", 0, 1000
    )
    ssc_subset: Series[pd.StringDtype] = text(
        "SSc subset: lcSSc, dcSSc, sine or early.", allowed=["lcSSc", "dcSSc", "sine", "early"]
    )
    disease_duration_years: Series[float] = number(
        "Years since the first symptom (SSc: first non-Raynaud symptom).", "years", 0, 90
    )
    mrss: Series[float] = number("Modified Rodnan skin score.", "points", 0, 51)
    ild: Series[pd.BooleanDtype] = yes_no("Interstitial lung disease on HRCT.")
    fvc_percent: Series[float] = number("Forced vital capacity.", "% predicted", 20, 150)
    dlco_percent: Series[float] = number(
        "Diffusing capacity for carbon monoxide.", "% predicted", 10, 150
    )
    anticentromere: Series[pd.BooleanDtype] = yes_no("Anticentromere antibodies.")
    antitopoisomerase: Series[pd.BooleanDtype] = yes_no("Anti-topoisomerase I (Scl-70) antibodies.")
    crp_mg_per_l: Series[float] = number("C-reactive protein.", "mg/L", 0, 500)
    # further variables, each as a study has them
    smoking: Series[pd.StringDtype] = text(
        "Smoking: never, former or current.", allowed=["never", "former", "current"]
    )
    menopause: Series[pd.BooleanDtype] = yes_no("After the menopause; empty for men.")
    raynaud_duration_years: Series[float] = number(
        "Years since the first Raynaud's phenomenon.", "years", 0, 90
    )
    ana_titre: Series[float] = number(
        "Highest ANA titre ever on HEp-2 cells, as its reciprocal (80 for 1:80); 0 when negative, "
        "80 for an equivalent positive test.",
        "1/titre",
        0,
        1_000_000,
        whole=True,
    )
    anti_rnap3: Series[pd.BooleanDtype] = yes_no("Anti-RNA polymerase III antibodies.")
    ild_extent_percent: Series[float] = number("Extent of the ILD on HRCT.", "%", 0, 100)
    fvc_litres: Series[float] = number("Forced vital capacity.", "L", 0.3, 10)
    pah: Series[pd.BooleanDtype] = yes_no(
        "Pulmonary arterial hypertension by right heart catheterisation; an echocardiographic "
        "estimate does not count."
    )
    mpap_mmhg: Series[float] = number("Mean pulmonary artery pressure.", "mmHg", 8, 90)
    pawp_mmhg: Series[float] = number("Pulmonary artery wedge pressure.", "mmHg", 2, 40)
    pvr_wu: Series[float] = number("Pulmonary vascular resistance.", "WU", 0, 40)
    pah_definition_year: Series[float] = number(
        "Year of the definition of PAH that was used, e.g. 2022.", "year", 1998, 2100
    )
    spap_echo_mmhg: Series[float] = number(
        "Systolic pulmonary artery pressure by echocardiography.", "mmHg", 10, 130
    )
    lvef_percent: Series[float] = number("Left ventricular ejection fraction.", "%", 10, 85)
    digital_ulcers_current: Series[float] = number(
        "Digital ulcers now.", "ulcers", 0, 20, whole=True
    )
    digital_ulcers_ever: Series[pd.BooleanDtype] = yes_no("Digital ulcers, ever.")
    capillaroscopy: Series[pd.StringDtype] = text(
        "Nailfold capillaroscopy pattern (Cutolo): normal, nonspecific, early, active or late.",
        allowed=["normal", "nonspecific", "early", "active", "late"],
    )
    calcinosis: Series[pd.BooleanDtype] = yes_no("Calcinosis.")
    contractures: Series[pd.BooleanDtype] = yes_no("Joint contractures.")
    synovitis: Series[pd.BooleanDtype] = yes_no("Synovitis.")
    tendon_friction_rubs: Series[pd.BooleanDtype] = yes_no("Tendon friction rubs.")
    renal_crisis: Series[pd.BooleanDtype] = yes_no("Scleroderma renal crisis, ever.")
    gastrointestinal_symptoms: Series[pd.BooleanDtype] = yes_no("Gastrointestinal symptoms.")
    esr_mm_per_h: Series[float] = number("Erythrocyte sedimentation rate.", "mm/h", 1, 150)
    ck_u_per_l: Series[float] = number("Creatine kinase.", "U/L", 5, 20_000, whole=True)
    nyha: Series[pd.StringDtype] = text("NYHA functional class.", allowed=["I", "II", "III", "IV"])
    eustar_activity: Series[float] = number("EUSTAR activity index (SSc).", "points", 0, 10)
    sledai_2k: Series[float] = number("SLEDAI-2K (SLE).", "points", 0, 105)
    essdai: Series[float] = number("ESSDAI (pSS).", "points", 0, 123)
    das28_crp: Series[float] = number("DAS28-CRP (RA).", "points", 0, 10)
    mmt8: Series[float] = number("Manual muscle test of 8 groups (IIM).", "points", 0, 80)


class DecisionSheet(Contract, key=("participant_id",)):
    """Manual decisions on eligibility, kept apart from the rules' result. Optional sheet."""

    participant_id: Series[pd.StringDtype] = identifier("The person.")
    decision: Series[pd.StringDtype] = text(
        "eligible or excluded.", nullable=False, allowed=["eligible", "excluded"]
    )
    decided_by: Series[pd.StringDtype] = text(
        "Role of who decided, e.g. investigator.", nullable=False
    )
    why: Series[pd.StringDtype] = text("The reason in a few words.", nullable=False)


class SampleSheet(Contract, key=("sample_id",)):
    """One row per biological sample."""

    sample_id: Series[pd.StringDtype] = identifier("Id of the sample.")
    participant_id: Series[pd.StringDtype] = identifier(
        "The person; empty for a bridge control.", nullable=True
    )
    sample_type: Series[pd.StringDtype] = text(
        "participant, or bridge_control: the same material stained in every batch.",
        nullable=False,
        allowed=["participant", "bridge_control"],
    )
    draw_to_stain_hours: Series[float] = number("Hours from blood draw to staining.", "h", 0, 200)
    wbc_10e9_per_l: Series[float] = number(
        "White blood cells by the haematology analyser.", "10^9/L", 0.1, 200
    )
    lymphocyte_share: Series[float] = number(
        "Lymphocytes among white blood cells, analyser.", "share", 0, 1
    )


class TubeSheet(Contract, key=("file_id",)):
    """One row per tube, that is per FCS file."""

    file_id: Series[pd.StringDtype] = identifier("Id of the tube.")
    sample_id: Series[pd.StringDtype] = identifier("The sample in the tube.")
    path: Series[pd.StringDtype] = text("FCS file, from the data folder.", nullable=False)
    panel: Series[pd.StringDtype] = identifier(
        "Antibody panel; names panels/<panel>.tsv and gating/<panel>.yaml."
    )
    batch: Series[pd.StringDtype] = identifier("Tubes stained and acquired together.")
    tube: Series[pd.StringDtype] = text(
        "stained; fmo (fluorescence minus one); or unstained.",
        nullable=False,
        allowed=["stained", "fmo", "unstained"],
    )
    fmo_markers: Series[pd.StringDtype] = text(
        "FMO tubes: the markers left out, separated by commas."
    )
    condition: Series[pd.StringDtype] = identifier(
        "What the cells went through before staining: resting (what an empty cell means), a "
        "stimulation, or its unstimulated control, by the names of the setting function.controls.",
        nullable=True,
    )
    culture_hours: Series[float] = number(
        "Hours in culture, stimulated or not; empty for cells stained as they came.", "h", 0, 500
    )
    recovered_share: Series[float] = number(
        "Living cells counted after culture, as a share of those put in.", "share", 0, 10
    )
    # a slip by a factor of 1000 leaves the range at either end
    beads_per_tube: Series[float] = number(
        "Counting beads in the tube, by lot.", "beads", 1000, 999_999, whole=True
    )
    bead_lot: Series[pd.StringDtype] = text("Lot of the counting beads.")
    blood_volume_ul: Series[float] = number("Volume of blood stained.", "uL", 5, 4999)
    dilution: Series[float] = number("Dilution before counting; 1 for none.", "fold", 0.01, 1000)
    confirmed: Series[pd.BooleanDtype] = yes_no(
        "yes: a person looked at what is odd about the tube (report, Problems) and takes its "
        "numbers as they are; they are held until then."
    )


class Tubes(TubeSheet, key=("file_id",), without=("path",)):
    """The checked sheet of tubes. Which file a tube is stands in the sheet alone, which stays with
    the study: a hospital names files after people.
    """


class LibrarySheet(Contract, key=("library_id",)):
    """One row per single-cell library."""

    library_id: Series[pd.StringDtype] = identifier("Id of the library.")
    sample_id: Series[pd.StringDtype] = identifier("The sample.")
    path: Series[pd.StringDtype] = text(
        "Counts: a 10x h5 file, a 10x mtx folder, an h5ad or an h5mu file.", nullable=False
    )
    format: Series[pd.StringDtype] = text(
        "10x_h5, 10x_mtx, h5ad or h5mu.",
        nullable=False,
        allowed=["10x_h5", "10x_mtx", "h5ad", "h5mu"],
    )
    contigs_path: Series[pd.StringDtype] = text(
        "Contig annotations of Cell Ranger or an AIRR table with cell_id (csv, tsv, gz), or a file "
        "of scirpy (h5ad, h5mu) or dandelion (h5ddl); several files of one library separated by "
        "commas, such as those of vdj_t and vdj_t_gd that Cell Ranger multi writes; empty: none."
    )
    cells_path: Series[pd.StringDtype] = text(
        "Pooled libraries: table of barcode and sample_id, by which the cells of the row's sample "
        "are taken from a file that several rows name; empty for a library of one sample."
    )
    hashtag: Series[pd.StringDtype] = text(
        "Pooled libraries: the antibody feature (hashtag) of the row's sample, by which its cells "
        "are taken from a file that several rows name; empty: none."
    )
    has_gamma_delta_receptors: Series[pd.BooleanDtype] = yes_no(
        "The receptor library was amplified for TRG/TRD; without it, no gamma-delta contig proves "
        "nothing."
    )
    batch: Series[pd.StringDtype] = identifier("Libraries made and sequenced together.")


class Libraries(LibrarySheet, key=("library_id",), without=("path", "contigs_path", "cells_path")):
    """The checked sheet of libraries. Which files a library is stands in the sheet alone, which
    stays with the study: a hospital names files after people.
    """


class PanelSheet(Contract, key=("channel",)):
    """Channel to marker, one sheet per panel."""

    channel: Series[pd.StringDtype] = text(
        "Channel as in the file ($PnN, or $PnS).", nullable=False
    )
    marker: Series[pd.StringDtype] = text(
        "Marker by its standard name, e.g. TCRgd, Vd2, CD161, PD-1.", nullable=False
    )
    fluorochrome: Series[pd.StringDtype] = text("Fluorochrome or metal.")
    clone: Series[pd.StringDtype] = text("Clone of the antibody, for MIFlowCyt.")
    manufacturer: Series[pd.StringDtype] = text("Who made the reagent.")
    catalogue_number: Series[pd.StringDtype] = text("Its catalogue number.")
    role: Series[pd.StringDtype] = text(
        "scatter, time, lineage, viability, dump, activation, inhibitory, innate, function or "
        "other.",
        nullable=False,
        allowed=[
            "scatter",
            "time",
            "lineage",
            "viability",
            "dump",
            "activation",
            "inhibitory",
            "innate",
            "function",
            "other",
        ],
    )


class SignatureSheet(Contract, key=("signature", "assay", "feature")):
    """Markers or genes with weights, one row per feature."""

    signature: Series[pd.StringDtype] = identifier("Name: exhaustion, activation, interferon, ...")
    assay: Series[pd.StringDtype] = text(
        "flow or singlecell.", nullable=False, allowed=["flow", "singlecell"]
    )
    feature: Series[pd.StringDtype] = text(
        "Marker (flow) or gene symbol (singlecell).", nullable=False
    )
    weight: Series[float] = pa.Field(
        ge=-10, le=10, description="Weight; negative lowers the score.", metadata={"unit": ""}
    )
    source: Series[pd.StringDtype] = text(
        "Where the set was published (DOI or name).", nullable=False
    )
    reads_as: Series[pd.StringDtype] = text("What a high score means, in words.", nullable=False)


class ReviewSheet(Contract, key=("panel", "tube", "gate")):
    """Gates that a person looked at, one row each; written by `itc review`."""

    panel: Series[pd.StringDtype] = identifier("The panel.")
    tube: Series[pd.StringDtype] = identifier("The tube, as file_id of the sheet of tubes.")
    gate: Series[pd.StringDtype] = identifier("The population of the gating template.")
    decision: Series[pd.StringDtype] = text(
        "accept: the gate is right; flag: it is doubtful and stays; correct: it moves to `place`.",
        nullable=False,
        allowed=["accept", "flag", "correct"],
    )
    place: Series[pd.StringDtype] = text(
        "New place of a corrected gate in the units of the gating template: the cut; the ends of a "
        "range as 'low; high'; or the corners of a polygon as 'x y; x y; x y'."
    )
    comment: Series[pd.StringDtype] = text("Why, in words.")
    reviewer: Series[pd.StringDtype] = identifier("Initials of who decided.")
    gate_digest: Series[pd.StringDtype] = identifier(
        "Digest of the gate that was looked at, as in `gates`: when the gate changes, the row "
        "has no effect any more and the gate is asked about again."
    )


SHEETS: tuple[type[Contract], ...] = (
    ParticipantSheet,
    SampleSheet,
    TubeSheet,
    LibrarySheet,
    PanelSheet,
    SignatureSheet,
    DecisionSheet,
    ClassificationSheet,
    VariableSheet,
    ColumnMappingSheet,
    ReviewSheet,
)
