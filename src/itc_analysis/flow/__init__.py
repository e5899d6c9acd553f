"""One tube: events, quality, compensation, transform, gates, counts and intensities."""
