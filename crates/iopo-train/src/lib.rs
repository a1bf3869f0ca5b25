//! The trainer: batch, step, checkpoint.
