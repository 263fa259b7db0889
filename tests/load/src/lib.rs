//! The load program.
