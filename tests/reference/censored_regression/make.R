# Left-censored Gaussian regression: survival::survreg, plain and with robust variance,
# one SD for all, and two SDs (strata).
library(survival)
set.seed(21)
g <- rep(c("SSc", "CTD", "healthy"), c(30, 34, 28)); n <- length(g)
age <- round(runif(n, 25, 80)); limit <- round(-7.5 + rnorm(n) * 0.4, 3)
y <- round(-6 - 0.02 * age - 0.7 * (g == "SSc") + rnorm(n) * ifelse(g == "SSc", 1.5, 0.9), 4)
d <- data.frame(group = factor(g, levels = c("SSc", "CTD", "healthy")), age = age,
                low = y < limit, y = ifelse(y < limit, limit, y))
d$is_ssc <- factor(d$group == "SSc")
S <- with(d, Surv(y, !low, type = "left"))
one <- survreg(S ~ 0 + group + age, d, dist = "gaussian", control = list(rel.tolerance = 1e-12, maxiter = 100))
rob <- survreg(S ~ 0 + group + age, d, dist = "gaussian", robust = TRUE, control = list(rel.tolerance = 1e-12, maxiter = 100))
two <- survreg(S ~ 0 + group + age + strata(is_ssc), d, dist = "gaussian", control = list(rel.tolerance = 1e-12, maxiter = 100))
write.csv(d, "data.csv", row.names = FALSE)
k <- names(coef(one))
write.csv(rbind(
  data.frame(model = "one_sd", term = c(k, "log_sd"), estimate = c(coef(one), log(one$scale)),
    se = sqrt(diag(one$var)), robust_se = sqrt(diag(rob$var)), loglik = one$loglik[2]),
  data.frame(model = "two_sds", term = c(k, "log_sd_others", "log_sd_ssc"), estimate = c(coef(two), log(two$scale)),
    se = sqrt(diag(two$var)), robust_se = NA, loglik = two$loglik[2])),
  "results.csv", row.names = FALSE)
# profile likelihood of SSc - healthy, held at values, one SD
held <- seq(-3, 1.5, by = 0.5)
d$z <- as.numeric(d$group == "SSc"); d$w <- as.numeric(d$group == "SSc") + as.numeric(d$group == "healthy")
d$ctd <- as.numeric(d$group == "CTD")
prof <- sapply(held, function(v) survreg(S ~ 0 + w + ctd + age + offset(v * z), d, dist = "gaussian",
  control = list(rel.tolerance = 1e-12, maxiter = 100))$loglik[2])
write.csv(data.frame(held = held, loglik = prof), "profile.csv", row.names = FALSE)
print(summary(one)); print(summary(rob)); print(summary(two)); print(cbind(held, prof), digits = 10)
print(R.version.string); print(packageVersion("survival"))
