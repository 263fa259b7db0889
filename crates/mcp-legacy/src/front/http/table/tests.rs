#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use super::*;
use crate::front::{Client, Level, Session, Version};

fn table(max: usize) -> Arc<Table> {
    Arc::new(Table::new(max, Duration::from_secs(30)))
}

fn enter(table: &Arc<Table>, number: u8) -> Option<Arc<Entry>> {
    let client = Client::new(Version::LATEST, "{}", "{}").unwrap();
    table.enter(&[number; 16], || Some(Entry::new([number; 16], Session::new(client))))
}

/// Whether the session is there, without a look at it that would make it.
fn has(table: &Arc<Table>, number: u8) -> bool {
    table.enter(&[number; 16], || None).is_some()
}

#[tokio::test(start_paused = true)]
async fn a_session_is_made_once() {
    let table = table(10);
    let first = enter(&table, 1).unwrap();
    assert!(Arc::ptr_eq(&first, &enter(&table, 1).unwrap()));
    assert_eq!(table.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_session_is_not_made_again() {
    let table = table(10);
    enter(&table, 1);
    assert!(table.delete(&[1; 16], 1_000, 0));
    assert!(!table.delete(&[1; 16], 1_000, 0));
    assert!(enter(&table, 1).is_none());
    assert!(table.delete(&[2; 16], 1_000, 0), "one that nobody used here");
    assert!(enter(&table, 2).is_none());
    assert_eq!(table.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_least_recently_used_goes_first_among_equals() {
    let table = table(3);
    for number in 1..=3 {
        enter(&table, number);
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    enter(&table, 1);
    tokio::time::advance(Duration::from_secs(1)).await;
    enter(&table, 4);
    assert_eq!([1, 2, 3, 4].map(|number| has(&table, number)), [true, false, true, true]);
}

#[tokio::test(start_paused = true)]
async fn what_is_worth_something_stays_longer() {
    let table = table(3);
    let busy = enter(&table, 1).unwrap();
    enter(&table, 2).unwrap().session.set_level(Level::Debug);
    tokio::time::advance(Duration::from_secs(1)).await;
    enter(&table, 3);
    enter(&table, 4);
    assert_eq!([1, 2, 3, 4].map(|number| has(&table, number)), [true, true, false, true]);
    enter(&table, 4).unwrap().session.set_level(Level::Debug);
    enter(&table, 5);
    assert_eq!([1, 2, 4, 5].map(|number| has(&table, number)), [true, false, true, true]);
    drop(busy);
}

#[tokio::test(start_paused = true)]
async fn the_bound_holds_whatever_goes_on() {
    for max in [0, 1, 5, 2_000] {
        let table = table(max);
        let held: Vec<_> = (0..=255).map(|number| enter(&table, number).unwrap()).collect();
        assert!(table.len() <= max.max(1), "{max}");
        drop(held);
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_session_goes_unless_it_holds_something() {
    let table = table(10);
    enter(&table, 1);
    enter(&table, 2).unwrap().session.set_level(Level::Debug);
    let busy = enter(&table, 3);
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(table.len(), 3);
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!([1, 2, 3].map(|number| has(&table, number)), [false, true, true]);
    drop(busy);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!([1, 2, 3].map(|number| has(&table, number)), [false, true, false]);
}

#[tokio::test(start_paused = true)]
async fn the_sweeper_comes_back_for_later_sessions() {
    let table = table(10);
    for _ in 0..3 {
        enter(&table, 1);
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(table.len(), 0);
    }
}
