# Meta-regression: weights from metafor's REML, covariance HC3 of the weighted regression from sandwich.
library(metafor); library(sandwich)
set.seed(22)
g <- rep(c("SSc", "CTD", "healthy"), c(20, 24, 16)); n <- length(g)
age <- round(runif(n, 25, 80)); se <- round(runif(n, 0.05, 0.9), 3)
y <- round(0.3 * (g == "SSc") + 0.01 * age + rnorm(n) * 0.4 + rnorm(n) * se, 4)
d <- data.frame(group = factor(g, levels = c("SSc", "CTD", "healthy")), age = age, se = se, y = y)
run <- function(d, name) {
  m <- rma(yi = y, sei = se, mods = ~ 0 + group + age, data = d, method = "REML",
           control = list(threshold = 1e-12, maxiter = 1000))
  w <- 1 / (m$tau2 + d$se^2)
  l <- lm(y ~ 0 + group + age, d, weights = w)
  stopifnot(all.equal(unname(coef(l)), unname(c(m$beta))))
  V <- vcovHC(l, type = "HC3")
  K <- rbind(c(1, 0, -1, 0), c(1, -1, 0, 0))
  est <- c(K %*% coef(l)); s <- sqrt(diag(K %*% V %*% t(K)))
  data.frame(data = name, contrast = c("SSc vs healthy", "SSc vs CTD"), estimate = est, se = s,
             t = est / s, p = 2 * pt(-abs(est / s), l$df.residual), tau2 = m$tau2, df = l$df.residual)
}
e <- d; e$y <- round(e$y * 0.02 + 0.01 * e$age, 4)  # no heterogeneity left: tau2 is 0
r <- rbind(run(d, "y"), run(e, "y_homogeneous"))
d$y_homogeneous <- e$y
write.csv(d, "data.csv", row.names = FALSE); write.csv(r, "results.csv", row.names = FALSE)
print(r, digits = 10); print(R.version.string); print(packageVersion("metafor")); print(packageVersion("sandwich"))
