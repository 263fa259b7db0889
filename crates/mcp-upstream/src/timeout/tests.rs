use std::future::poll_fn;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

async fn end(deadline: &mut Deadline) -> (Stage, u64) {
    let start = Instant::now();
    let stage = poll_fn(|cx| deadline.poll(cx)).await;
    (stage, start.elapsed().as_secs())
}

#[tokio::test(start_paused = true)]
async fn whichever_limit_is_nearer_runs_out_first() {
    let table = [
        (Some(9), Some(5), (Stage::Head, 5)),
        (Some(5), Some(9), (Stage::Total, 5)),
        (Some(5), None, (Stage::Total, 5)),
        (None, Some(5), (Stage::Head, 5)),
    ];
    for (total, head, wanted) in table {
        let mut deadline = Deadline::new(total.map(|wait| wait * SECOND));
        deadline.enter(Stage::Head, head.map(|wait| wait * SECOND));
        assert_eq!(end(&mut deadline).await, wanted, "{total:?} {head:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_timer_that_was_set_too_early_waits_on_and_one_set_too_late_is_moved() {
    let mut deadline = Deadline::new(None);
    deadline.enter(Stage::Head, Some(5 * SECOND));
    let _ = poll_fn(|cx| Poll::Ready(deadline.poll(cx))).await;

    deadline.enter(Stage::Idle, Some(60 * SECOND));
    assert_eq!(end(&mut deadline).await, (Stage::Idle, 60));

    deadline.enter(Stage::Idle, Some(60 * SECOND));
    let _ = poll_fn(|cx| Poll::Ready(deadline.poll(cx))).await;
    deadline.enter(Stage::Idle, Some(2 * SECOND));
    assert_eq!(end(&mut deadline).await, (Stage::Idle, 2));
}

#[tokio::test(start_paused = true)]
async fn no_limit_never_ends_and_makes_no_timer() {
    for wait in [None, Some(Duration::MAX)] {
        let mut deadline = Deadline::new(wait);
        deadline.enter(Stage::Idle, wait);
        assert!(poll_fn(|cx| Poll::Ready(deadline.poll(cx))).await.is_pending());
        assert!(deadline.timer.is_none());
        assert!(!deadline.is_over());
    }
}

#[tokio::test(start_paused = true)]
async fn the_whole_is_over_also_for_those_who_never_wait() {
    let deadline = Deadline::new(Some(SECOND));
    assert!(!deadline.is_over());
    tokio::time::advance(SECOND).await;
    assert!(deadline.is_over());
}
