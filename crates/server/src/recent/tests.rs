use std::time::Duration;

use super::read::Found;
use super::*;

fn filled(numbers: std::ops::Range<u64>, bytes_max: usize) -> Recent<u64> {
    let recent = Recent::new(bytes_max, 10_000);
    recent.push(numbers.map(|number| (10, Arc::new(number))));
    recent
}

fn values(items: &[(u64, Arc<u64>)]) -> Vec<u64> {
    items.iter().map(|(_, value)| **value).collect()
}

fn asked(after: Option<Cursor>, top: usize) -> Asked {
    Asked { after, top, wait: Duration::ZERO }
}

async fn read(recent: &Recent<u64>, asked: Asked, matches: impl Fn(&u64) -> bool) -> Found<u64> {
    recent.read(asked, matches, std::future::pending()).await.unwrap()
}

#[test]
fn the_oldest_go_when_there_is_no_room() {
    let recent = filled(1..11, 50);
    let page = recent.after(0, 100);
    assert_eq!((values(&page.items), page.lost), (vec![6, 7, 8, 9, 10], 5));
    assert_eq!(page.items[0].0, 6, "numbers count those that are gone");
    assert_eq!(recent.newest(), 10);
    let page = recent.after(8, 100);
    assert_eq!((values(&page.items), page.lost), (vec![9, 10], 0));
    let page = recent.after(10, 100);
    assert_eq!((values(&page.items), page.lost), (vec![], 0));
    // One that has no room at all is not kept, and takes nothing with it but what is older.
    recent.push([(51, Arc::new(11))]);
    assert_eq!((recent.newest(), recent.after(0, 9).items.len()), (11, 0));
    recent.push([(10, Arc::new(12))]);
    assert_eq!(values(&recent.after(0, 9).items), [12]);
    assert_eq!(recent.lock().bytes, 10);
}

#[test]
fn there_may_be_a_limit_on_their_number() {
    let recent = Recent::new(1_000_000, 3);
    recent.push((0..10_u64).map(|number| (1, Arc::new(number))));
    assert_eq!(values(&recent.after(0, 100).items), [7, 8, 9]);
}

#[tokio::test]
async fn the_newest_first_and_then_page_by_page() {
    let recent = filled(1..2_001, 1 << 20);
    let newest = read(&recent, asked(None, 3), |_| true).await;
    assert_eq!(values(&newest.items), [1_998, 1_999, 2_000]);
    let rare = read(&recent, asked(None, 2), |value| value % 900 == 0).await;
    assert_eq!(values(&rare.items), [900, 1_800], "further back than one look");
    assert_eq!(rare.next.id, 2_000);
    recent.push((2_001..2_006).map(|number| (10, Arc::new(number))));
    let page = read(&recent, asked(Some(newest.next), 2), |_| true).await;
    assert_eq!((values(&page.items), page.lost), (vec![2_001, 2_002], 0));
    let page = read(&recent, asked(Some(page.next), 10), |value| value % 2 == 0).await;
    assert_eq!(
        (values(&page.items), page.next.id),
        (vec![2_004], 2_005),
        "what does not match is not seen again"
    );
}

#[tokio::test]
async fn what_was_missed_is_said() {
    let recent = filled(1..6, 50);
    let seen = read(&recent, asked(None, 10), |_| true).await;
    recent.push((6..13).map(|number| (10, Arc::new(number))));
    let page = read(&recent, asked(Some(seen.next), 100), |_| true).await;
    assert_eq!((values(&page.items), page.lost), (vec![8, 9, 10, 11, 12], 2));
    let foreign: Cursor = "1-99999".parse().unwrap();
    let page = read(&recent, asked(Some(foreign), 100), |_| true).await;
    assert_eq!((values(&page.items), page.lost), (vec![8, 9, 10, 11, 12], 0), "of another process");
    let future = recent.cursor(u64::MAX);
    assert!(read(&recent, asked(Some(future), 100), |_| true).await.items.is_empty());
}

#[test]
fn cursors_are_read_as_they_are_written() {
    let recent = filled(0..1, 50);
    let cursor = recent.cursor(17);
    assert_eq!(cursor.to_string().parse(), Ok(cursor));
    for wrong in ["", "17", "x-1", "1-", "1-x", "1--1", "1-9999999999999999", "+1-1", "A-1", "1-+1"] {
        assert_eq!(wrong.parse::<Cursor>(), Err(()), "{wrong}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_waits_for_what_matches() {
    let recent = Arc::new(filled(1..2, 1 << 20));
    let wait = Asked { after: Some(recent.cursor(1)), top: 10, wait: Duration::from_secs(25) };
    let reader = tokio::spawn({
        let recent = Arc::clone(&recent);
        async move { recent.read(wait, |value| *value == 7, std::future::pending()).await }
    });
    tokio::task::yield_now().await;
    recent.push([(10, Arc::new(5))]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!reader.is_finished());
    recent.push([(10, Arc::new(7))]);
    assert_eq!(values(&reader.await.unwrap().unwrap().items), [7]);
    let nothing =
        recent.read(Asked { after: Some(recent.cursor(3)), ..wait }, |_| true, std::future::pending());
    assert!(nothing.await.unwrap().items.is_empty(), "at the end of its time it goes without");
    let stopped = recent.read(wait, |_| false, async {});
    assert!(stopped.await.unwrap().items.is_empty(), "a stop is not held up");
}

#[tokio::test]
async fn not_everybody_may_wait() {
    let recent = filled(1..2, 1 << 20);
    let wait = Asked { after: Some(recent.cursor(1)), top: 10, wait: Duration::from_secs(25) };
    let places: Vec<_> = (0..WAITING_MAX).map(|_| recent.waiting.try_acquire().unwrap()).collect();
    assert_eq!(recent.read(wait, |_| true, std::future::pending()).await.unwrap_err(), TooMany);
    drop(places);
    let stopped = recent.read(wait, |_| true, async {}).await;
    assert!(stopped.is_ok());
}
