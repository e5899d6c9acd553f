"""From a number back to the bytes that it was made from: manifest, trace, status, crate."""
