//! Reading along by requests: what matches behind a cursor, at once or as soon as there is something.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};

use super::{Cursor, Recent};

/// Items that are looked at without a pause. A search through all of them must not hold up the shard that does it.
const CHUNK: usize = 512;
/// How long a request that found nothing waits at least before it looks again: a busy service has news all the time.
const PAUSE: Duration = Duration::from_millis(50);

/// What a request asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    /// Behind what; `None`: the newest ones.
    pub(crate) after: Option<Cursor>,
    /// At most so many.
    pub(crate) top: usize,
    /// How long to wait when there is nothing.
    pub(crate) wait: Duration,
}

/// What it gets.
#[derive(Debug)]
pub(crate) struct Found<T> {
    /// In order.
    pub(crate) items: Vec<(u64, Arc<T>)>,
    /// Where to go on.
    pub(crate) next: Cursor,
    /// How many behind the cursor were kept no longer.
    pub(crate) lost: u64,
}

/// Too many requests wait already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany;

impl<T> Recent<T> {
    /// Finds items, and waits for some if there are none until the time or `stopped` comes.
    ///
    /// # Errors
    /// Too many wait already.
    pub(crate) async fn read(
        &self,
        asked: Asked,
        matches: impl Fn(&T) -> bool,
        stopped: impl Future<Output = ()>,
    ) -> Result<Found<T>, TooMany> {
        let mut found = match asked.after {
            None => self.newest_matching(asked.top, &matches).await,
            Some(cursor) => {
                let items = Found { items: Vec::new(), next: self.cursor(self.place(cursor)), lost: 0 };
                self.go_on(items, asked.top, &matches).await
            }
        };
        if !found.items.is_empty() || asked.wait.is_zero() {
            return Ok(found);
        }
        let _place = self.waiting.try_acquire().map_err(|_| TooMany)?;
        let until = Instant::now() + asked.wait;
        let mut news = self.news();
        tokio::pin!(stopped);
        loop {
            let looked = Instant::now();
            found = self.go_on(found, asked.top, &matches).await;
            if !found.items.is_empty() {
                return Ok(found);
            }
            let changed = async {
                let changed = timeout_at(until, news.changed()).await.is_ok();
                if changed {
                    sleep_until((looked + PAUSE).min(until)).await;
                }
                changed
            };
            tokio::select! {
                changed = changed => if !changed { return Ok(found) },
                () = &mut stopped => return Ok(found),
            }
        }
    }

    /// The last items that match.
    async fn newest_matching(&self, top: usize, matches: impl Fn(&T) -> bool) -> Found<T> {
        let newest = self.newest();
        let (mut items, mut before) = (Vec::new(), newest + 1);
        loop {
            let chunk = self.before(before, CHUNK);
            let Some((first, _)) = chunk.first() else { break };
            before = *first;
            items.extend(chunk.into_iter().rev().filter(|(_, item)| matches(item)));
            if items.len() >= top {
                break;
            }
            tokio::task::yield_now().await;
        }
        items.truncate(top);
        items.reverse();
        Found { items, next: self.cursor(newest), lost: 0 }
    }

    /// Looks at what is behind the cursor.
    async fn go_on(&self, mut found: Found<T>, top: usize, matches: impl Fn(&T) -> bool) -> Found<T> {
        loop {
            let page = self.after(found.next.id, CHUNK);
            found.lost += page.lost;
            if page.items.is_empty() {
                return found;
            }
            for (id, item) in page.items {
                found.next.id = id;
                if matches(&item) {
                    found.items.push((id, item));
                    if found.items.len() >= top {
                        return found;
                    }
                }
            }
            tokio::task::yield_now().await;
        }
    }
}
