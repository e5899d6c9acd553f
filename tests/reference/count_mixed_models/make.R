# Binomial and Poisson counts with a normal effect of the person, and what REML says where counts say everything.
# Rscript --vanilla make.R > transcript.txt 2>&1
suppressMessages({library(lme4); library(nlme)})
set.seed(3)
n <- 60
d <- data.frame(person = factor(1:n), group = rep(c("SSc", "healthy"), c(25, 35)), age = round(rnorm(n, 50, 12)))
d$total <- ifelse(d$group == "SSc", sample(40:160, n, TRUE), sample(500:3000, n, TRUE))
d$k <- rbinom(n, d$total, plogis(-4.2 + 0.5 * (d$group == "SSc") + 0.01 * (d$age - 50) + rnorm(n, 0, 0.7)))
d$volume <- round(runif(n, 5, 60), 2)
d$cells <- rpois(n, d$volume * exp(-1.5 - 0.6 * (d$group == "SSc") + rnorm(n, 0, 0.8)))
d$y <- round(1 + 0.5 * (d$group == "SSc") + 0.02 * (d$age - 50) + rnorm(n, 0, ifelse(d$group == "SSc", 1.2, 0.5)), 4)
write.csv(d[c("group", "age", "total", "k", "volume", "cells", "y")], "data.csv", row.names = FALSE, quote = FALSE)
tight <- glmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-10, maxfun = 1e5))
d$ssc <- as.numeric(d$group == "SSc"); d$healthy <- 1 - d$ssc; d$a <- d$age - 50
b <- glmer(cbind(k, total - k) ~ 0 + ssc + healthy + a + (1 | person), d, binomial, nAGQ = 50, control = tight)
p <- glmer(cells ~ 0 + ssc + healthy + offset(log(volume)) + (1 | person), d, poisson, nAGQ = 50, control = tight)
r <- gls(y ~ 0 + ssc + healthy + a, d, weights = varIdent(form = ~ 1 | group), method = "REML",
         control = glsControl(tolerance = 1e-12, msTol = 1e-14, maxIter = 500, msMaxIter = 500))
sds <- r$sigma * coef(r$modelStruct$varStruct, unconstrained = FALSE, allCoef = TRUE)
row <- function(model, name, estimate, se) data.frame(model, name, estimate, se)
out <- rbind(
  row("binomial", names(fixef(b)), fixef(b), sqrt(diag(as.matrix(vcov(b))))),
  row("binomial", "sd", sqrt(VarCorr(b)$person[1]), NA),
  row("poisson", names(fixef(p)), fixef(p), sqrt(diag(as.matrix(vcov(p))))),
  row("poisson", "sd", sqrt(VarCorr(p)$person[1]), NA),
  row("reml", names(coef(r)), coef(r), sqrt(diag(vcov(r)))),
  row("reml", paste0("sd_", names(sds)), sds, NA))
out$estimate <- sprintf("%.8f", out$estimate); out$se <- sprintf("%.8f", out$se)
write.csv(out, "results.csv", row.names = FALSE, quote = FALSE)
print(out); print(sessionInfo())
