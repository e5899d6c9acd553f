# Holm and Benjamini-Hochberg: stats::p.adjust, which also leaves missing p out of the count.
set.seed(23)
p <- c(signif(runif(14)^3, 6), 0.01, 0.01, 1, NA, 1e-300, NA)
r <- data.frame(p = p, holm = p.adjust(p, "holm"), bh = p.adjust(p, "BH"))
write.csv(r, "results.csv", row.names = FALSE)
print(r, digits = 10); print(R.version.string)
