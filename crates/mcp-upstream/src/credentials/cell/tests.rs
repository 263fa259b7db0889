#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::Notify;
use tokio::time::{advance, sleep};

use super::*;

/// Somebody who is asked: gives the number of the question, after a second.
#[derive(Clone, Default)]
struct Oracle {
    asked: Arc<AtomicU32>,
    fails: Arc<std::sync::atomic::AtomicBool>,
}

impl Oracle {
    fn ask(
        &self,
        lifetime: Option<u64>,
    ) -> impl FnOnce() -> BoxFuture<'static, Result<Fresh<u32>, Trouble>> + use<> {
        let oracle = self.clone();
        move || {
            let value = oracle.asked.fetch_add(1, Ordering::SeqCst) + 1;
            Box::pin(async move {
                sleep(Duration::from_secs(1)).await;
                match oracle.fails.load(Ordering::SeqCst) {
                    true => Err(Trouble::new(FailureKind::Reject, "no")),
                    false => Ok(Fresh { value, lifetime: lifetime.map(Duration::from_secs) }),
                }
            })
        }
    }

    fn asked(&self) -> u32 {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn get(cell: &Arc<Cell<u32>>, oracle: &Oracle, lifetime: u64) -> Result<u32, Trouble> {
    cell.get(oracle.ask(Some(lifetime))).wait().await.map(|held| held.value)
}

fn now(cell: &Arc<Cell<u32>>, oracle: &Oracle) -> Option<u32> {
    match cell.get(oracle.ask(Some(3600))) {
        Got::Now(held) => Some(held.value),
        Got::Wait(_) => None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_hundred_ask_once() {
    let (cell, oracle) = (Arc::new(Cell::default()), Oracle::default());
    let waiting: Vec<_> = (0..100)
        .map(|_| {
            let (cell, oracle) = (Arc::clone(&cell), oracle.clone());
            tokio::spawn(async move { get(&cell, &oracle, 3600).await })
        })
        .collect();
    for one in waiting {
        assert_eq!(one.await.unwrap(), Ok(1));
    }
    assert_eq!(oracle.asked(), 1);
    assert_eq!(now(&cell, &oracle), Some(1));
}

#[tokio::test(start_paused = true)]
async fn who_goes_away_does_not_stop_it_for_others() {
    let (cell, oracle) = (Arc::new(Cell::default()), Oracle::default());
    drop(cell.get(oracle.ask(Some(3600))));
    assert_eq!(get(&cell, &oracle, 3600).await, Ok(1));
    assert_eq!(oracle.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn it_is_renewed_ahead_of_its_end_while_the_old_one_is_used() {
    for (lifetime, renewed_at) in [(3600, 3540), (300, 240), (100, 80), (10, 8)] {
        let (cell, oracle) = (Arc::new(Cell::default()), Oracle::default());
        assert_eq!(get(&cell, &oracle, lifetime).await, Ok(1));
        // A second of it is over: it counts from the question on.
        advance(Duration::from_secs(renewed_at - 2)).await;
        assert_eq!((now(&cell, &oracle), oracle.asked()), (Some(1), 1), "{lifetime}");
        advance(Duration::from_secs(1)).await;
        assert_eq!(
            (now(&cell, &oracle), now(&cell, &oracle), oracle.asked()),
            (Some(1), Some(1), 2),
            "{lifetime}"
        );
        sleep(Duration::from_millis(1001)).await;
        assert_eq!((now(&cell, &oracle), oracle.asked()), (Some(2), 2), "{lifetime}");
    }
}

#[tokio::test(start_paused = true)]
async fn after_its_end_it_is_never_used() {
    let (cell, oracle) = (Arc::new(Cell::default()), Oracle::default());
    assert_eq!(get(&cell, &oracle, 100).await, Ok(1));
    oracle.fails.store(true, Ordering::SeqCst);
    advance(Duration::from_secs(98)).await;
    assert_eq!(now(&cell, &oracle), Some(1));
    advance(Duration::from_secs(1)).await;
    assert_eq!(now(&cell, &oracle), None);
    assert_eq!(get(&cell, &oracle, 100).await, Err(Trouble::new(FailureKind::Reject, "no")));
}

#[tokio::test(start_paused = true)]
async fn failures_are_told_at_once_for_a_while_that_grows_to_five_seconds() {
    let (cell, oracle) = (Arc::new(Cell::default()), Oracle::default());
    oracle.fails.store(true, Ordering::SeqCst);
    for (number, pause) in [250, 500, 1000, 2000, 4000, 5000, 5000].into_iter().enumerate() {
        assert!(get(&cell, &oracle, 100).await.is_err());
        let before = Instant::now();
        for _ in 0..100 {
            assert!(get(&cell, &oracle, 100).await.is_err());
        }
        assert_eq!((before.elapsed(), oracle.asked()), (Duration::ZERO, number as u32 + 1));
        advance(Duration::from_millis(pause)).await;
    }
    oracle.fails.store(false, Ordering::SeqCst);
    assert_eq!(get(&cell, &oracle, 100).await, Ok(8));
}

#[tokio::test(start_paused = true)]
async fn what_a_server_refuses_is_replaced_now_and_then() {
    let (cell, oracle) = (Arc::new(Cell::default()), Oracle::default());
    let first = cell.get(oracle.ask(Some(3600))).wait().await.unwrap();
    assert!(cell.reject(first.generation));
    // The others who were refused with it wait for the same new one.
    assert!(cell.reject(first.generation));
    assert_eq!(get(&cell, &oracle, 3600).await, Ok(2));
    assert!(cell.reject(first.generation));
    assert_eq!(now(&cell, &oracle), Some(2));
    let second = cell.get(oracle.ask(Some(3600))).wait().await.unwrap();
    assert!(!cell.reject(second.generation), "a server that refuses all of them");
    assert_eq!(now(&cell, &oracle), Some(2));
    advance(REJECT_EVERY).await;
    assert!(cell.reject(second.generation));
    assert_eq!(get(&cell, &oracle, 3600).await, Ok(3));
}

#[tokio::test(start_paused = true)]
async fn what_has_no_end_is_kept_until_it_is_refused() {
    let (cell, oracle) = (Arc::new(Cell::<u32>::default()), Oracle::default());
    let held = cell.get(oracle.ask(None)).wait().await.unwrap();
    advance(Duration::from_secs(1_000_000)).await;
    assert_eq!((now(&cell, &oracle), oracle.asked()), (Some(1), 1));
    assert!(cell.reject(held.generation));
    assert_eq!(now(&cell, &oracle), None);
}

#[tokio::test]
async fn who_asks_and_goes_under_takes_nobody_along() {
    let cell: Arc<Cell<u32>> = Arc::new(Cell::default());
    let gate = Arc::new(Notify::new());
    let opened = Arc::clone(&gate);
    let got = cell.get(|| {
        Box::pin(async move {
            opened.notified().await;
            panic!("the transport is broken")
        })
    });
    gate.notify_one();
    assert!(got.wait().await.is_err());
    assert_eq!(cell.get(Oracle::default().ask(None)).wait().await.unwrap().value, 1);
}
