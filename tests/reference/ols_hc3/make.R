# Least squares with HC3 and linear contrasts: sandwich and multcomp.
library(sandwich); library(multcomp)
set.seed(20)
sizes <- c(SSc = 14, SLE = 9, pSS = 8, RA = 7, IIM = 6, healthy = 11)
d <- data.frame(group = factor(rep(names(sizes), sizes), levels = names(sizes)))
n <- nrow(d)
d$age <- round(runif(n, 25, 80)); d$male <- rbinom(n, 1, 0.3)
d$y <- round(-4 - 0.02 * d$age + 0.3 * d$male - 0.9 * (d$group == "SSc") +
             rnorm(n) * ifelse(d$group == "SSc", 1.7, 0.9), 4)
m <- lm(y ~ 0 + group + age + male, d)
K <- rbind("SSc vs healthy" = c(1, 0, 0, 0, 0, -1, 0, 0),
           "SSc vs CTD" = c(1, -1/4, -1/4, -1/4, -1/4, 0, 0, 0),
           "SSc vs IIM" = c(1, 0, 0, 0, -1, 0, 0, 0))
V <- vcovHC(m, type = "HC3")
s <- summary(glht(m, linfct = K, vcov. = V), test = univariate())$test
write.csv(d, "data.csv", row.names = FALSE)
write.csv(data.frame(contrast = rownames(K), estimate = s$coefficients, se = s$sigma,
  df = m$df.residual, t = s$tstat, p = s$pvalues, residual_sd = sigma(m)),
  "results.csv", row.names = FALSE)
print(s); print(R.version.string); print(packageVersion("sandwich")); print(packageVersion("multcomp"))
