"""People whose truth is known: group, clinical data, blood."""
