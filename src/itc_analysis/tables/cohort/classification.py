"""The sheet of classification items: what each set of criteria asks, one row per person.

Apart from participants.tsv, which stays readable. Items of that sheet that the criteria need as
well (age, anticentromere, anti-topoisomerase I, anti-RNA polymerase III, ANA titre, PAH) are not
asked twice.
"""

import pandas as pd
from pandera.typing import Series

from itc_analysis.tables.contract import Contract
from itc_analysis.tables.fields import identifier, number, text, yes_no


class ClassificationSheet(Contract, key=("participant_id",)):
    """Items of the six sets of classification criteria, one row per person. Optional sheet.

    Findings count when present at any time (cumulative). Empty means not assessed, never no.
    """

    participant_id: Series[pd.StringDtype] = identifier("The person.")
    better_explained: Series[pd.StringDtype] = text(
        "Yes/no columns of this sheet that another condition explains better, separated by commas: "
        "these do not count. Empty when none is."
    )
    # systemic sclerosis: 2013 ACR/EULAR and 2001 early SSc
    ssc_raynaud: Series[pd.StringDtype] = text(
        "Raynaud's phenomenon and its evidence: none; reported by the person; observed (two colour "
        "changes seen by the physician); measured (cold challenge, Nielsen test or equivalent).",
        allowed=["none", "reported", "observed", "measured"],
    )
    ssc_skin_proximal_to_mcp: Series[pd.BooleanDtype] = yes_no(
        "Skin thickening of the fingers of both hands extending proximal to the MCP joints."
    )
    ssc_puffy_fingers: Series[pd.BooleanDtype] = yes_no("Puffy fingers.")
    ssc_sclerodactyly: Series[pd.BooleanDtype] = yes_no(
        "Sclerodactyly: thickening distal to the MCP but proximal to the PIP joints."
    )
    ssc_digital_tip_ulcers: Series[pd.BooleanDtype] = yes_no(
        "Ulcers at or distal to the PIP joint, not due to trauma."
    )
    ssc_pitting_scars: Series[pd.BooleanDtype] = yes_no("Fingertip pitting scars.")
    ssc_telangiectasia: Series[pd.BooleanDtype] = yes_no(
        "Telangiectasia in a scleroderma-like pattern."
    )
    ssc_abnormal_capillaries: Series[pd.BooleanDtype] = yes_no(
        "Abnormal nailfold capillaries: enlarged capillaries and/or capillary loss."
    )
    ssc_lung: Series[pd.BooleanDtype] = yes_no(
        "ILD that scores: basal fibrosis on HRCT or radiograph, or velcro crackles, not due to "
        "another cause."
    )
    ssc_fingers_spared: Series[pd.BooleanDtype] = yes_no(
        "Skin thickening that spares the fingers (the 2013 criteria do not apply)."
    )
    ssc_like_disorder: Series[pd.BooleanDtype] = yes_no(
        "A scleroderma-like disorder explains the findings better: nephrogenic sclerosing "
        "fibrosis, generalised morphea, eosinophilic fasciitis, scleredema diabeticorum, "
        "scleromyxedema, erythromyalgia, porphyria, lichen sclerosis, graft-versus-host disease, "
        "diabetic cheiroarthropathy (the 2013 criteria do not apply)."
    )
    ssc_distal_skin: Series[pd.BooleanDtype] = yes_no(
        "Skin changes of fingers, hands, forearms, lower legs, feet, face or neck (2001)."
    )
    ssc_proximal_skin: Series[pd.BooleanDtype] = yes_no(
        "Skin changes of upper arms, thighs, chest, abdomen or back (2001)."
    )
    anti_fibrillarin: Series[pd.BooleanDtype] = yes_no("Anti-fibrillarin (U3-RNP); scores in 2001.")
    anti_pmscl: Series[pd.BooleanDtype] = yes_no("Anti-PM-Scl; scores in 2001.")
    anti_fibrillin: Series[pd.BooleanDtype] = yes_no("Anti-fibrillin; scores in 2001.")
    anti_rnap1: Series[pd.BooleanDtype] = yes_no("Anti-RNA polymerase I; scores in 2001.")
    ssc_antibody_titre: Series[float] = number(
        "Highest titre of an SSc-selective antibody, as its reciprocal (320 for 1:320); 0 when "
        "negative.",
        "1/titre",
        0,
        1_000_000,
        whole=True,
    )
    # systemic lupus erythematosus: 2019 EULAR/ACR
    sle_fever: Series[pd.BooleanDtype] = yes_no("Fever above 38.3 °C.")
    sle_leukopenia: Series[pd.BooleanDtype] = yes_no("White blood cells below 4.0 x10^9/L.")
    sle_thrombocytopenia: Series[pd.BooleanDtype] = yes_no("Platelets below 100 x10^9/L.")
    sle_haemolysis: Series[pd.BooleanDtype] = yes_no(
        "Autoimmune haemolysis: evidence of haemolysis and a positive Coombs test."
    )
    sle_delirium: Series[pd.BooleanDtype] = yes_no("Delirium.")
    sle_psychosis: Series[pd.BooleanDtype] = yes_no("Psychosis.")
    sle_seizure: Series[pd.BooleanDtype] = yes_no("Primary generalised or focal seizure.")
    sle_alopecia: Series[pd.BooleanDtype] = yes_no("Non-scarring alopecia, seen by a clinician.")
    sle_oral_ulcers: Series[pd.BooleanDtype] = yes_no("Oral ulcers, seen by a clinician.")
    sle_subacute_or_discoid: Series[pd.BooleanDtype] = yes_no(
        "Subacute cutaneous or discoid lupus, seen by a clinician."
    )
    sle_acute_cutaneous: Series[pd.BooleanDtype] = yes_no(
        "Acute cutaneous lupus, seen by a clinician."
    )
    sle_effusion: Series[pd.BooleanDtype] = yes_no("Pleural or pericardial effusion on imaging.")
    sle_pericarditis: Series[pd.BooleanDtype] = yes_no("Acute pericarditis.")
    sle_joints: Series[pd.BooleanDtype] = yes_no(
        "Synovitis of 2 or more joints, or tenderness of 2 or more with at least 30 min of morning "
        "stiffness."
    )
    sle_proteinuria: Series[pd.BooleanDtype] = yes_no(
        "Proteinuria above 0.5 g/24 h, or an equivalent spot ratio."
    )
    sle_nephritis_2_or_5: Series[pd.BooleanDtype] = yes_no("Renal biopsy class II or V.")
    sle_nephritis_3_or_4: Series[pd.BooleanDtype] = yes_no("Renal biopsy class III or IV.")
    sle_antiphospholipid: Series[pd.BooleanDtype] = yes_no(
        "Anticardiolipin at medium or high titre, anti-beta2-glycoprotein I, or lupus "
        "anticoagulant."
    )
    sle_low_c3: Series[pd.BooleanDtype] = yes_no("C3 below the lower limit of normal.")
    sle_low_c4: Series[pd.BooleanDtype] = yes_no("C4 below the lower limit of normal.")
    sle_anti_dsdna: Series[pd.BooleanDtype] = yes_no(
        "Anti-dsDNA by an immunoassay with at least 90 % specificity for SLE."
    )
    sle_anti_sm: Series[pd.BooleanDtype] = yes_no("Anti-Sm.")
    # primary Sjögren syndrome: 2016 ACR/EULAR
    pss_dry_eyes: Series[pd.BooleanDtype] = yes_no(
        "Daily persistent troublesome dry eyes for more than 3 months."
    )
    pss_sand_or_gravel: Series[pd.BooleanDtype] = yes_no("Recurrent feeling of sand in the eyes.")
    pss_tear_substitutes: Series[pd.BooleanDtype] = yes_no(
        "Tear substitutes more than 3 times a day."
    )
    pss_dry_mouth: Series[pd.BooleanDtype] = yes_no("Daily dry mouth for more than 3 months.")
    pss_drinks_to_swallow: Series[pd.BooleanDtype] = yes_no(
        "Frequently drinks liquids to swallow dry food."
    )
    pss_essdai: Series[pd.BooleanDtype] = yes_no("At least one positive ESSDAI domain.")
    pss_focus_score: Series[float] = number(
        "Focus score of the labial salivary gland with focal lymphocytic sialadenitis; 0 without.",
        "foci/4 mm2",
        0,
        50,
    )
    pss_anti_ssa: Series[pd.BooleanDtype] = yes_no(
        "Anti-SSA/Ro60; anti-SSB or isolated Ro52 does not count."
    )
    pss_ocular_staining: Series[pd.BooleanDtype] = yes_no(
        "Ocular staining score of 5 or more, or van Bijsterveld of 4 or more, in at least one eye."
    )
    pss_schirmer_mm: Series[float] = number("Schirmer test of the drier eye.", "mm/5 min", 0, 60)
    pss_saliva_ml_per_min: Series[float] = number("Unstimulated whole saliva flow.", "mL/min", 0, 5)
    pss_head_neck_radiation: Series[pd.BooleanDtype] = yes_no("Head and neck radiation (excludes).")
    pss_hepatitis_c: Series[pd.BooleanDtype] = yes_no(
        "Active hepatitis C, confirmed by PCR (excludes)."
    )
    pss_aids: Series[pd.BooleanDtype] = yes_no("AIDS (excludes).")
    pss_sarcoidosis: Series[pd.BooleanDtype] = yes_no("Sarcoidosis (excludes).")
    pss_amyloidosis: Series[pd.BooleanDtype] = yes_no("Amyloidosis (excludes).")
    pss_gvhd: Series[pd.BooleanDtype] = yes_no("Graft-versus-host disease (excludes).")
    pss_igg4: Series[pd.BooleanDtype] = yes_no("IgG4-related disease (excludes).")
    # rheumatoid arthritis: 2010 ACR/EULAR
    ra_synovitis: Series[pd.BooleanDtype] = yes_no(
        "At least one joint with definite clinical synovitis (swelling)."
    )
    ra_large_joints: Series[float] = number(
        "Swollen or tender large joints: shoulders, elbows, hips, knees, ankles.",
        "joints",
        0,
        10,
        whole=True,
    )
    ra_small_joints: Series[float] = number(
        "Swollen or tender small joints: MCP, PIP, 2nd-5th MTP, thumb IP, wrists; not DIP, 1st "
        "CMC, 1st MTP.",
        "joints",
        0,
        30,
        whole=True,
    )
    ra_other_joints: Series[float] = number(
        "Swollen or tender other joints (temporomandibular, acromioclavicular, sternoclavicular); "
        "they count only towards more than 10.",
        "joints",
        0,
        6,
        whole=True,
    )
    ra_rf_times_uln: Series[float] = number(
        "Rheumatoid factor in multiples of the upper limit of normal; a test reported only as "
        "positive is 2 (low positive), as negative 0.",
        "x ULN",
        0,
        1000,
    )
    ra_acpa_times_uln: Series[float] = number(
        "ACPA in multiples of the upper limit of normal; written as rheumatoid factor.",
        "x ULN",
        0,
        1000,
    )
    ra_crp_abnormal: Series[pd.BooleanDtype] = yes_no("Abnormal CRP.")
    ra_esr_abnormal: Series[pd.BooleanDtype] = yes_no("Abnormal ESR.")
    ra_duration_weeks: Series[float] = number("Duration of symptoms.", "weeks", 0, 5000)
    ra_by_history: Series[pd.BooleanDtype] = yes_no(
        "Typical erosive disease with a compatible history, or long-standing disease that "
        "fulfilled the criteria before."
    )
    # idiopathic inflammatory myopathy: 2017 EULAR/ACR
    iim_onset_age_years: Series[float] = number("Age at the first symptom.", "years", 0, 110)
    iim_weak_upper_limbs: Series[pd.BooleanDtype] = yes_no(
        "Objective symmetric weakness, usually progressive, of the proximal upper extremities."
    )
    iim_weak_lower_limbs: Series[pd.BooleanDtype] = yes_no(
        "Objective symmetric weakness, usually progressive, of the proximal lower extremities."
    )
    iim_weak_neck_flexors: Series[pd.BooleanDtype] = yes_no(
        "Neck flexors relatively weaker than neck extensors."
    )
    iim_proximal_legs_weaker: Series[pd.BooleanDtype] = yes_no(
        "In the legs proximal muscles relatively weaker than distal."
    )
    iim_heliotrope_rash: Series[pd.BooleanDtype] = yes_no("Heliotrope rash.")
    iim_gottron_papules: Series[pd.BooleanDtype] = yes_no("Gottron's papules.")
    iim_gottron_sign: Series[pd.BooleanDtype] = yes_no("Gottron's sign.")
    iim_dysphagia: Series[pd.BooleanDtype] = yes_no("Dysphagia or oesophageal dysmotility.")
    iim_anti_jo1: Series[pd.BooleanDtype] = yes_no("Anti-Jo-1 (anti-histidyl-tRNA synthetase).")
    iim_enzymes: Series[pd.BooleanDtype] = yes_no(
        "CK, LDH, AST or ALT above the upper limit of normal."
    )
    iim_biopsy: Series[pd.BooleanDtype] = yes_no("A muscle biopsy has been read.")
    iim_biopsy_endomysial: Series[pd.BooleanDtype] = yes_no(
        "Biopsy: endomysial mononuclear cells surrounding, not invading, myofibres."
    )
    iim_biopsy_perimysial: Series[pd.BooleanDtype] = yes_no(
        "Biopsy: perimysial and/or perivascular infiltration."
    )
    iim_biopsy_perifascicular: Series[pd.BooleanDtype] = yes_no("Biopsy: perifascicular atrophy.")
    iim_biopsy_rimmed_vacuoles: Series[pd.BooleanDtype] = yes_no("Biopsy: rimmed vacuoles.")
    iim_weak_finger_flexors: Series[pd.BooleanDtype] = yes_no(
        "Finger flexor weakness (names the subgroup, not scored)."
    )
    iim_responds_to_treatment: Series[pd.BooleanDtype] = yes_no(
        "The disease responds to treatment (names the subgroup, not scored)."
    )
