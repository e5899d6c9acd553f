# Dunnett with a robust covariance: the data of ../ols_hc3, multcomp with vcovHC(HC3).
library(sandwich); library(multcomp)
set.seed(1)
d <- read.csv("../ols_hc3/data.csv", stringsAsFactors = FALSE)
groups <- c("SSc", "SLE", "pSS", "RA", "IIM", "healthy")
d$group <- factor(d$group, levels = groups)
m <- lm(y ~ 0 + group + age + male, d)
K <- cbind(1, -diag(5), 0, 0)
rownames(K) <- paste("SSc vs", groups[-1])
V <- vcovHC(m, type = "HC3")
g <- glht(m, linfct = K, vcov. = V)
s <- summary(g, test = adjusted("single-step", abseps = 1e-6, maxpts = 1e6))
ci <- confint(g)
write.csv(data.frame(contrast = rownames(K), t = s$test$tstat, p = s$test$pvalues,
  lower = ci$confint[, "lwr"], upper = ci$confint[, "upr"], critical = attr(ci$confint, "calpha")),
  "results.csv", row.names = FALSE)
print(s); print(ci); print(R.version.string); print(packageVersion("multcomp")); print(packageVersion("sandwich"))
