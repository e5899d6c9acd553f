# Rubin's rules with the degrees of freedom of Barnard and Rubin (1999), written out in base R from the formulas of the paper:
# the mean of the estimates; within + (1 + 1/m) between; 1 / (1/nu_m + 1/nu_obs). mice::barnard.rubin computes the same.
library(sandwich)
set.seed(31)
sizes <- c(SSc = 14, SLE = 10, healthy = 16)
d <- data.frame(group = factor(rep(names(sizes), sizes), levels = names(sizes)))
n <- nrow(d); m <- 10
d$age <- round(runif(n, 25, 80))
d$y <- -4 - 0.02 * d$age - 0.8 * (d$group == "SSc") + rnorm(n, 0, 0.7)
is_missing <- runif(n) < 0.25
known <- lm(age ~ group + y, d[!is_missing, ])
draw <- function(i) {
  sigma <- sqrt(sum(resid(known)^2) / rchisq(1, known$df.residual))
  b <- coef(known) + drop(t(chol(summary(known)$cov.unscaled)) %*% rnorm(length(coef(known)))) * sigma
  full <- d
  full$age[is_missing] <- drop(model.matrix(~ group + y, d)[is_missing, ] %*% b) + rnorm(sum(is_missing), 0, sigma)
  cbind(imputation = i, full)
}
imputed <- do.call(rbind, lapply(seq_len(m), draw))
# 14 digits, and the fits below use what is written
imputed$age <- signif(imputed$age, 14); imputed$y <- signif(imputed$y, 14)
contrasts <- rbind("SSc - healthy" = c(1, 0, -1, 0), "SSc - SLE" = c(1, -1, 0, 0), "age" = c(0, 0, 0, 1))
one <- NULL
for (i in seq_len(m)) {
  fit <- lm(y ~ 0 + group + age, imputed[imputed$imputation == i, ])
  V <- vcovHC(fit, type = "HC3")
  one <- rbind(one, data.frame(imputation = i, contrast = rownames(contrasts), estimate = drop(contrasts %*% coef(fit)),
    se = sqrt(diag(contrasts %*% V %*% t(contrasts))), df = fit$df.residual))
}
rubin <- function(q, se, dfcom) {
  m <- length(q)
  u <- mean(se^2); b <- var(q); t <- u + (1 + 1 / m) * b
  lambda <- (1 + 1 / m) * b / t
  nu_m <- (m - 1) / lambda^2
  nu_obs <- (dfcom + 1) / (dfcom + 3) * dfcom * (1 - lambda)
  df <- 1 / (1 / nu_m + 1 / nu_obs)
  e <- mean(q)
  data.frame(estimate = e, se = sqrt(t), lambda = lambda, df = df, p = 2 * pt(-abs(e / sqrt(t)), df),
    lower = e - qt(0.975, df) * sqrt(t), upper = e + qt(0.975, df) * sqrt(t))
}
pooled <- NULL
for (m_used in c(2, 5, m)) for (name in rownames(contrasts)) {
  rows <- one[one$contrast == name & one$imputation <= m_used, ]
  pooled <- rbind(pooled, cbind(data.frame(m = m_used, contrast = name), rubin(rows$estimate, rows$se, rows$df[1])))
}
write.csv(format(imputed, digits = 14, trim = TRUE), "data.csv", row.names = FALSE, quote = FALSE)
write.csv(format(one, digits = 14, trim = TRUE), "single.csv", row.names = FALSE, quote = FALSE)
write.csv(format(pooled, digits = 14, trim = TRUE), "results.csv", row.names = FALSE, quote = FALSE)
cat(sum(is_missing), "of", n, "ages missing\n"); print(pooled)
print(R.version.string); print(packageVersion("sandwich"))
