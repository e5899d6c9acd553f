"""Works that the methods sentences cite, by key. A test fails when a cited key has no entry."""

from __future__ import annotations

from typing import NamedTuple


class Work(NamedTuple):
    """One work.

    Parameters
    ----------
    text : str
        authors, title, journal, year, pages.
    doi : str
        without the resolver's address; empty when the work has none.
    """

    text: str
    doi: str = ""


REFERENCES: dict[str, Work] = {
    "parks2006": Work(
        "Parks DR, Roederer M, Moore WA. A new “Logicle” display method avoids deceptive effects "
        "of logarithmic scaling for low signals and compensated data. Cytometry A "
        "2006;69A:541–551.",
        "10.1002/cyto.a.20258",
    ),
    "hahne2009": Work(
        "Hahne F, LeMeur N, Brinkman RR, et al. flowCore: a Bioconductor package for high "
        "throughput flow cytometry. BMC Bioinformatics 2009;10:106.",
        "10.1186/1471-2105-10-106",
    ),
    "hahne2010": Work(
        "Hahne F, Khodabakhshi AH, Bashashati A, et al. Per-channel basis normalization methods "
        "for flow cytometry data. Cytometry A 2010;77:121-131.",
        "10.1002/cyto.a.20823",
    ),
    "moore2012": Work(
        "Moore WA, Parks DR. Update for the logicle data scale including operational code "
        "implementations. Cytometry A 2012;81A:273–277.",
        "10.1002/cyto.a.22030",
    ),
    "emmaneel2022": Work(
        "Emmaneel A, Quintelier K, Sichien D, et al. PeacoQC: peak-based selection of high quality "
        "cytometry data. Cytometry A 2022;101:325–338.",
        "10.1002/cyto.a.24501",
    ),
    "spidlen2015": Work(
        "Spidlen J, Moore W; ISAC Data Standards Task Force, Brinkman RR. ISAC’s Gating-ML 2.0 "
        "data exchange standard for gating description. Cytometry A 2015;87A:683–687.",
        "10.1002/cyto.a.22690",
    ),
    "lin1989": Work(
        "Lin LI. A concordance correlation coefficient to evaluate reproducibility. Biometrics "
        "1989;45:255–268.",
        "10.2307/2532051",
    ),
    "bland1986": Work(
        "Bland JM, Altman DG. Statistical methods for assessing agreement between two methods of "
        "clinical measurement. Lancet 1986;327:307–310.",
        "10.1016/S0140-6736(86)90837-8",
    ),
    "lee2008": Work(
        "Lee JA, Spidlen J, Boyce K, et al. MIFlowCyt: the minimum information about a flow "
        "cytometry experiment. Cytometry A 2008;73A:926–930.",
        "10.1002/cyto.a.20623",
    ),
    "vonelm2007": Work(
        "von Elm E, Altman DG, Egger M, et al. The Strengthening the Reporting of Observational "
        "Studies in Epidemiology (STROBE) statement: guidelines for reporting observational "
        "studies. Lancet 2007;370:1453–1457.",
        "10.1016/S0140-6736(07)61602-X",
    ),
    "holm1979": Work(
        "Holm S. A simple sequentially rejective multiple test procedure. Scand J Stat "
        "1979;6:65–70."
    ),
    "benjamini1995": Work(
        "Benjamini Y, Hochberg Y. Controlling the false discovery rate: a practical and powerful "
        "approach to multiple testing. J R Stat Soc B 1995;57:289–300.",
        "10.1111/j.2517-6161.1995.tb02031.x",
    ),
    "hothorn2008": Work(
        "Hothorn T, Bretz F, Westfall P. Simultaneous inference in general parametric models. "
        "Biom J 2008;50:346–363.",
        "10.1002/bimj.200810425",
    ),
    "benjamini2014": Work(
        "Benjamini Y, Bogomolov M. Selective inference on multiple families of hypotheses. "
        "J R Stat Soc B 2014;76:297–318.",
        "10.1111/rssb.12028",
    ),
    "bretz2009": Work(
        "Bretz F, Maurer W, Brannath W, Posch M. A graphical approach to sequentially rejective "
        "multiple test procedures. Stat Med 2009;28:586–604.",
        "10.1002/sim.3495",
    ),
    "berger1996": Work(
        "Berger RL, Hsu JC. Bioequivalence trials, intersection-union tests and equivalence "
        "confidence sets. Stat Sci 1996;11:283–319.",
        "10.1214/ss/1032280304",
    ),
    "brown1974": Work(
        "Brown MB, Forsythe AB. Robust tests for the equality of variances. J Am Stat Assoc "
        "1974;69:364–367.",
        "10.1080/01621459.1974.10482955",
    ),
    "vanderweele2017": Work(
        "VanderWeele TJ, Ding P. Sensitivity analysis in observational research: introducing the "
        "E-value. Ann Intern Med 2017;167:268–274.",
        "10.7326/M16-2607",
    ),
    "barnard1999": Work(
        "Barnard J, Rubin DB. Small-sample degrees of freedom with multiple imputation. "
        "Biometrika 1999;86:948–955.",
        "10.1093/biomet/86.4.948",
    ),
    "coxreid1987": Work(
        "Cox DR, Reid N. Parameter orthogonality and approximate conditional inference. "
        "J R Stat Soc B 1987;49:1–39.",
        "10.1111/j.2517-6161.1987.tb01422.x",
    ),
    "komarek2008": Work(
        "Komárek A, Lesaffre E. Generalized linear mixed model with a penalized Gaussian mixture "
        "as a random effects distribution. Comput Stat Data Anal 2008;52:3441–3458.",
        "10.1016/j.csda.2007.10.024",
    ),
    "satterthwaite1946": Work(
        "Satterthwaite FE. An approximate distribution of estimates of variance components. "
        "Biometrics Bulletin 1946;2:110–114.",
        "10.2307/3002019",
    ),
    "louis1982": Work(
        "Louis TA. Finding the observed information matrix when using the EM algorithm. "
        "J R Stat Soc B 1982;44:226–233.",
        "10.1111/j.2517-6161.1982.tb01203.x",
    ),
    "prentice1974": Work(
        "Prentice RL. A log gamma model and its maximum likelihood estimation. Biometrika "
        "1974;61:539–544.",
        "10.1093/biomet/61.3.539",
    ),
    "vanbuuren2011": Work(
        "van Buuren S, Groothuis-Oudshoorn K. mice: multivariate imputation by chained equations "
        "in R. J Stat Softw 2011;45(3):1–67.",
        "10.18637/jss.v045.i03",
    ),
    "mackinnon1985": Work(
        "MacKinnon JG, White H. Some heteroskedasticity-consistent covariance matrix estimators "
        "with improved finite sample properties. J Econom 1985;29:305–325.",
        "10.1016/0304-4076(85)90158-7",
    ),
    "freedman1983": Work(
        "Freedman D, Lane D. A nonstochastic interpretation of reported significance levels. "
        "J Bus Econ Stat 1983;1:292–298.",
        "10.1080/07350015.1983.10509354",
    ),
    "tobin1958": Work(
        "Tobin J. Estimation of relationships for limited dependent variables. "
        "Econometrica 1958;26:24–36.",
        "10.2307/1907382",
    ),
    "clopper1934": Work(
        "Clopper CJ, Pearson ES. The use of confidence or fiducial limits illustrated in the case "
        "of the binomial. Biometrika 1934;26:404–413.",
        "10.1093/biomet/26.4.404",
    ),
    "zou2008": Work(
        "Zou GY, Donner A. Construction of confidence limits about effect measures: a general "
        "approach. Stat Med 2008;27:1693–1702.",
        "10.1002/sim.3095",
    ),
    "newcombe1998": Work(
        "Newcombe RG. Interval estimation for the difference between independent proportions: "
        "comparison of eleven methods. Stat Med 1998;17:873–890.",
        "10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I",
    ),
    "finak2014mimosa": Work(
        "Finak G, McDavid A, Chattopadhyay P, et al. Mixture models for single-cell assays with "
        "applications to vaccine studies. Biostatistics 2014;15:87–101.",
        "10.1093/biostatistics/kxt024",
    ),
    "lin2015": Work(
        "Lin L, Finak G, Ushey K, et al. COMPASS identifies T-cell subsets correlated with "
        "clinical outcomes. Nat Biotechnol 2015;33:610–616.",
        "10.1038/nbt.3187",
    ),
    "roederer2001": Work(
        "Roederer M. Spectral compensation for flow cytometry: visualization artifacts, "
        "limitations, and caveats. Cytometry 2001;45:194–205.",
        "10.1002/1097-0320(20011101)45:3<194::AID-CYTO1163>3.0.CO;2-C",
    ),
    "efron1975": Work(
        "Efron B, Morris C. Data analysis using Stein’s estimator and its generalizations. "
        "J Am Stat Assoc 1975;70:311–319.",
        "10.1080/01621459.1975.10479864",
    ),
    "finak2014": Work(
        "Finak G, Frelinger J, Jiang W, et al. OpenCyto: an open source infrastructure for "
        "scalable, robust, reproducible, and automated, end-to-end flow cytometry data analysis. "
        "PLoS Comput Biol 2014;10:e1003806.",
        "10.1371/journal.pcbi.1003806",
    ),
    "silverman1986": Work(
        "Silverman BW. Density estimation for statistics and data analysis. London: Chapman and "
        "Hall; 1986.",
        "10.1007/978-1-4899-3324-9",
    ),
    "malek2015": Work(
        "Malek M, Taghiyar MJ, Chong L, et al. flowDensity: reproducing manual gating of flow "
        "cytometry data by automated density-based cell population identification. Bioinformatics "
        "2015;31:606–607.",
        "10.1093/bioinformatics/btu677",
    ),
    "lo2008": Work(
        "Lo K, Brinkman RR, Gottardo R. Automated gating of flow cytometry data via robust "
        "model-based clustering. Cytometry A 2008;73A:321–332.",
        "10.1002/cyto.a.20531",
    ),
    "ashman1994": Work(
        "Ashman KM, Bird CM, Zepf SE. Detecting bimodality in astronomical datasets. "
        "Astron J 1994;108:2348–2361.",
        "10.1086/117248",
    ),
    "kass1995": Work(
        "Kass RE, Raftery AE. Bayes factors. J Am Stat Assoc 1995;90:773–795.",
        "10.1080/01621459.1995.10476572",
    ),
    "schwarz1978": Work(
        "Schwarz G. Estimating the dimension of a model. Ann Stat 1978;6:461–464.",
        "10.1214/aos/1176344136",
    ),
    "haldane1956": Work(
        "Haldane JBS. The estimation and significance of the logarithm of a ratio of frequencies. "
        "Ann Hum Genet 1956;20:309–311.",
        "10.1111/j.1469-1809.1955.tb01285.x",
    ),
    "gutierrez2019": Work(
        "Gutierrez-Arcelus M, Teslovich N, Mola AR, et al. Lymphocyte innateness defined by "
        "transcriptional states reflects a balance between proliferation and effector functions. "
        "Nat Commun 2019;10:687.",
        "10.1038/s41467-019-08604-4",
    ),
    "garner2023": Work(
        "Garner LC, Amini A, FitzPatrick MEB, et al. Single-cell analysis of human MAIT cell "
        "transcriptional, functional and clonal diversity. Nat Immunol 2023;24:1565–1578.",
        "10.1038/s41590-023-01575-1",
    ),
    "germain2020": Work(
        "Germain PL, Sonrel A, Robinson MD. pipeComp, a general framework for the evaluation of "
        "computational pipelines, reveals performant single cell RNA-seq preprocessing tools. "
        "Genome Biol 2020;21:227.",
        "10.1186/s13059-020-02136-7",
    ),
    "lanier1992": Work(
        "Lanier LL, Chang C, Spits H, Phillips JH. Expression of cytoplasmic CD3 epsilon proteins "
        "in activated human adult natural killer (NK) cells and CD3 gamma, delta, epsilon "
        "complexes in fetal NK cells. Implications for the relationship of NK and T lymphocytes. J "
        "Immunol 1992;149:1876–1880.",
        "10.4049/jimmunol.149.6.1876",
    ),
    "monaco2019": Work(
        "Monaco G, Lee B, Xu W, et al. RNA-Seq signatures normalized by mRNA abundance allow "
        "absolute deconvolution of human immune cell types. Cell Rep 2019;26:1627–1640.e7.",
        "10.1016/j.celrep.2019.01.041",
    ),
    "young2020": Work(
        "Young MD, Behjati S. SoupX removes ambient RNA contamination from droplet-based "
        "single-cell RNA sequencing data. GigaScience 2020;9:giaa151.",
        "10.1093/gigascience/giaa151",
    ),
    "zheng2017": Work(
        "Zheng GXY, Terry JM, Belgrader P, et al. Massively parallel digital transcriptional "
        "profiling of single cells. Nat Commun 2017;8:14049.",
        "10.1038/ncomms14049",
    ),
    "long2000": Work(
        "Long JS, Ervin LH. Using heteroscedasticity consistent standard errors in the linear "
        "regression model. Am Stat 2000;54:217–224.",
        "10.1080/00031305.2000.10474549",
    ),
    "white1982": Work(
        "White H. Maximum likelihood estimation of misspecified models. Econometrica 1982;50:1–25.",
        "10.2307/1912526",
    ),
    "winkler2014": Work(
        "Winkler AM, Ridgway GR, Webster MA, Smith SM, Nichols TE. Permutation inference for the "
        "general linear model. NeuroImage 2014;92:381–397.",
        "10.1016/j.neuroimage.2014.01.060",
    ),
    "vandenhoogen2013": Work(
        "van den Hoogen F, Khanna D, Fransen J, et al. 2013 classification criteria for systemic "
        "sclerosis: an American College of Rheumatology/European League Against Rheumatism "
        "collaborative initiative. Ann Rheum Dis 2013;72:1747–1755.",
        "10.1136/annrheumdis-2013-204424",
    ),
    "leroy2001": Work(
        "LeRoy EC, Medsger TA. Criteria for the classification of early systemic sclerosis. "
        "J Rheumatol 2001;28:1573–1576."
    ),
    "aringer2019": Work(
        "Aringer M, Costenbader K, Daikh D, et al. 2019 European League Against "
        "Rheumatism/American College of Rheumatology classification criteria for systemic lupus "
        "erythematosus. Ann Rheum Dis 2019;78:1151–1159.",
        "10.1136/annrheumdis-2018-214819",
    ),
    "shiboski2017": Work(
        "Shiboski CH, Shiboski SC, Seror R, et al. 2016 American College of Rheumatology/European "
        "League Against Rheumatism classification criteria for primary Sjögren’s syndrome. Ann "
        "Rheum Dis 2017;76:9–16.",
        "10.1136/annrheumdis-2016-210571",
    ),
    "aletaha2010": Work(
        "Aletaha D, Neogi T, Silman AJ, et al. 2010 rheumatoid arthritis classification criteria: "
        "an American College of Rheumatology/European League Against Rheumatism collaborative "
        "initiative. Ann Rheum Dis 2010;69:1580–1588.",
        "10.1136/ard.2010.138461",
    ),
    "lundberg2017": Work(
        "Lundberg IE, Tjärnlund A, Bottai M, et al. 2017 European League Against "
        "Rheumatism/American College of Rheumatology classification criteria for adult and "
        "juvenile idiopathic inflammatory myopathies. Ann Rheum Dis 2017;76:1955–1964.",
        "10.1136/annrheumdis-2017-211468",
    ),
    "viechtbauer2005": Work(
        "Viechtbauer W. Bias and efficiency of meta-analytic variance estimators in the "
        "random-effects model. J Educ Behav Stat 2005;30:261–293.",
        "10.3102/10769986030003261",
    ),
    "squair2021": Work(
        "Squair JW, Gautier M, Kathe C, et al. Confronting false discoveries in single-cell "
        "differential expression. Nat Commun 2021;12:5692.",
        "10.1038/s41467-021-25960-2",
    ),
    "love2014": Work(
        "Love MI, Huber W, Anders S. Moderated estimation of fold change and dispersion for "
        "RNA-seq data with DESeq2. Genome Biol 2014;15:550.",
        "10.1186/s13059-014-0550-8",
    ),
    "muzellec2023": Work(
        "Muzellec B, Teleńczuk M, Cabeli V, Andreux M. PyDESeq2: a python package for bulk RNA-seq "
        "differential expression analysis. Bioinformatics 2023;39:btad547.",
        "10.1093/bioinformatics/btad547",
    ),
    "chen2016": Work(
        "Chen Y, Lun ATL, Smyth GK. From reads to genes to pathways: differential expression "
        "analysis of RNA-Seq experiments using Rsubread and the edgeR quasi-likelihood pipeline. "
        "F1000Research 2016;5:1438.",
        "10.12688/f1000research.8987.2",
    ),
    "lin2000": Work(
        "Lin LI-K. A note on the concordance correlation coefficient. Biometrics 2000;56:324–325.",
        "10.1111/j.0006-341X.2000.00324.x",
    ),
    "york2004": Work(
        "York D, Evensen NM, Martínez ML, De Basabe Delgado J. Unified equations for the slope, "
        "intercept, and standard errors of the best straight line. Am J Phys 2004;72:367–375.",
        "10.1119/1.1632486",
    ),
    "aitchison1982": Work(
        "Aitchison J. The statistical analysis of compositional data. J R Stat Soc B "
        "1982;44:139–177.",
        "10.1111/j.2517-6161.1982.tb01195.x",
    ),
    "bell2002": Work(
        "Bell RM, McCaffrey DF. Bias reduction in standard errors for linear regression with "
        "multi-stage samples. Survey Methodology 2002;28:169–181.",
    ),
    "imbens2016": Work(
        "Imbens GW, Kolesár M. Robust standard errors in small samples: some practical advice. Rev "
        "Econ Stat 2016;98:701–712.",
        "10.1162/REST_a_00552",
    ),
    "cox1987": Work(
        "Cox DR, Reid N. Parameter orthogonality and approximate conditional inference. J R Stat "
        "Soc B 1987;49:1–39.",
        "10.1111/j.2517-6161.1987.tb01422.x",
    ),
    "pustejovsky2018": Work(
        "Pustejovsky JE, Tipton E. Small-sample methods for cluster-robust variance estimation and "
        "hypothesis testing in fixed effects models. J Bus Econ Stat 2018;36:672–683.",
        "10.1080/07350015.2016.1247004",
    ),
    "nct04995588": Work(
        "Poitiers University Hospital. Role of innate T cells in physiopathology of systemic "
        "sclerosis (Sclero-LTI). Trial record NCT04995588, first posted 2021."
    ),
}
