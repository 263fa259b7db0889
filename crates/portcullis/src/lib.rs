//! Facade over the Portcullis crates.
