//! Rules that hide expected variation.
