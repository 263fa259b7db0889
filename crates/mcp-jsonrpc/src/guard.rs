//! Protection against DNS rebinding.
