//! Clients of 2025 in front of a service that speaks 2026-07-28.
