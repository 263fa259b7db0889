//! The words every Portcullis layer shares.
