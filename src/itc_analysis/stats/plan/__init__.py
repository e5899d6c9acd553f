"""The analysis plan: what is compared, in which families, with which covariates."""
