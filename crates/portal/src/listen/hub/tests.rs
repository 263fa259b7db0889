use super::drive::drive;
use super::subscription::Subscription;
use crate::listen::merged::Merged;

#[test]
fn an_idle_listener_stays_small() {
    // Ten thousand of them may wait, and every hundred bytes are a megabyte.
    assert!(size_of::<Subscription>() <= 48);
    assert!(size_of::<Merged>() <= 144);
}

#[test]
fn a_hub_that_nobody_shares_stays_small() {
    // Where every client has a principal of its own, every client pays for a hub. The task is the largest part of it.
    fn future<A, B, C, D, E, F>(_: fn(A, B, C, D, E) -> F) -> usize {
        size_of::<F>()
    }
    let size = future(drive as fn(_, _, _, _, _) -> _);
    assert!(size <= 2_560, "{size}");
}
