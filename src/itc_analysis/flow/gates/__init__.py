"""Gates of a study: learned tube by tube, judged against batch and study, each with its error."""
