# Beta-binomial and negative binomial regression: glmmTMB. One population with few zeros, one with many.
library(glmmTMB)
set.seed(30)
sizes <- c(SSc = 20, SLE = 12, healthy = 18)
d <- data.frame(group = factor(rep(names(sizes), sizes), levels = names(sizes)))
n <- nrow(d)
d$age <- round(runif(n, 25, 80)); d$total <- round(exp(rnorm(n, log(3000), 0.4)))
p <- plogis(-4 - 0.01 * d$age - 0.7 * (d$group == "SSc") + rnorm(n, 0, 0.8))
d$common <- rbinom(n, d$total, p); d$rare <- rbinom(n, d$total, p / 40)
out <- NULL; alike <- NULL
for (name in c("common", "rare")) {
  d$k <- d[[name]]
  for (family in c("betabinomial", "nbinom2")) {
    if (family == "betabinomial") {
      full <- glmmTMB(cbind(k, total - k) ~ 0 + group + age, d, family = betabinomial())
      same <- d; same$g <- ifelse(d$group == "SLE", "SLE", "SSc or healthy")
      reduced <- glmmTMB(cbind(k, total - k) ~ 0 + g + age, same, family = betabinomial())
    } else {
      full <- glmmTMB(k ~ 0 + group + age + offset(log(total)), d, family = nbinom2())
      same <- d; same$g <- ifelse(d$group == "SLE", "SLE", "SSc or healthy")
      reduced <- glmmTMB(k ~ 0 + g + age + offset(log(total)), same, family = nbinom2())
    }
    co <- summary(full)$coefficients$cond
    # summary() takes the Hessian from coarse differences of the gradient (TMB::sdreport); he() differentiates it exactly
    exact <- sqrt(diag(solve(full$obj$he(full$fit$par))))[seq_len(nrow(co))]
    out <- rbind(out, data.frame(population = name, family = family, term = rownames(co),
      estimate = co[, 1], se = co[, 2], se_exact = exact))
    lr <- 2 * as.numeric(logLik(full) - logLik(reduced))
    alike <- rbind(alike, data.frame(population = name, family = family, log_likelihood = as.numeric(logLik(full)),
      dispersion = sigma(full), lr = lr, p = pchisq(lr, 1, lower.tail = FALSE)))
  }
}
write.csv(d[, c("group", "age", "total", "common", "rare")], "data.csv", row.names = FALSE)
write.csv(format(out, digits = 12), "coefficients.csv", row.names = FALSE, quote = FALSE)
write.csv(format(alike, digits = 12), "fits.csv", row.names = FALSE, quote = FALSE)
q <- glm(cbind(common, total - common) ~ 0 + group + age, d, family = quasibinomial())
co <- summary(q)$coefficients
write.csv(format(data.frame(term = rownames(co), estimate = co[, 1], se = co[, 2], dispersion = summary(q)$dispersion),
  digits = 12), "quasibinomial.csv", row.names = FALSE, quote = FALSE)
print(out); print(alike); print(co); print(table(d$rare == 0))
print(R.version.string); print(packageVersion("glmmTMB"))
