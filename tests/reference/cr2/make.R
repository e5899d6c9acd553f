# Bell and McCaffrey's CR2 with Satterthwaite degrees of freedom: clubSandwich.
library(clubSandwich)
set.seed(31)
sizes <- c(SSc = 9, SLE = 6, healthy = 8)
people <- data.frame(person = sprintf("P%02d", 1:sum(sizes)),
                     group = factor(rep(names(sizes), sizes), levels = names(sizes)))
people$age <- round(runif(nrow(people), 25, 80))
people$centre <- -4 - 0.02 * people$age - 0.9 * (people$group == "SSc") +
  rnorm(nrow(people)) * ifelse(people$group == "SSc", 1.7, 0.9)
people$n_samples <- sample(1:3, nrow(people), replace = TRUE, prob = c(.4, .4, .2))
d <- people[rep(seq_len(nrow(people)), people$n_samples), ]
d$late <- rbinom(nrow(d), 1, 0.4)  # changes between the samples of a person
d$y <- round(d$centre + 0.3 * rnorm(nrow(d)) + 0.2 * d$late, 4)
d$weight <- 1 / d$n_samples        # every person counts the same
K <- rbind("SSc vs healthy" = c(1, 0, -1, 0, 0), "SSc vs SLE" = c(1, -1, 0, 0, 0), "late" = c(0, 0, 0, 0, 1))
rows <- NULL
for (kind in c("weighted", "unweighted", "one sample each")) {
  use <- if (kind == "one sample each") d[!duplicated(d$person), ] else d
  f <- y ~ 0 + group + age + late
  m <- if (kind == "weighted") lm(f, use, weights = weight) else lm(f, use)
  V <- vcovCR(m, cluster = use$person, type = "CR2")
  for (name in rownames(K)) {
    k <- K[name, , drop = FALSE]
    w <- Wald_test(m, constraints = k, vcov = V, test = "HTZ")  # of one contrast: Satterthwaite's t, squared
    print(kind); print(name); print(w)
    rows <- rbind(rows, data.frame(model = kind, contrast = name, estimate = sum(k * coef(m)),
                                   se = sqrt(drop(k %*% V %*% t(k))), df = w$df_denom, p = w$p_val))
  }
}
write.csv(d[c("person", "group", "age", "late", "n_samples", "y")], "data.csv", row.names = FALSE)
rows[4:6] <- lapply(rows[4:6], signif, 12)
write.csv(rows, "results.csv", row.names = FALSE)
print(R.version.string); print(packageVersion("clubSandwich"))
