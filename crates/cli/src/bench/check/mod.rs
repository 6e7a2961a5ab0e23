//! The delivery checker: many clients that do random things and lose their sockets, and a ledger that knows what each of
//! them must and must not get.

mod client;
mod ledger;
mod publish;
mod random;
mod restart;
mod verdict;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep};

use self::client::Member;
use self::ledger::Ledger;
use self::publish::GroupNames;
use self::random::Random;
use super::target::MeasuredArgs;
use crate::service;

/// How long is waited for what is still under way at the end: clients try half a minute to recover.
const SETTLE: Duration = Duration::from_secs(40);
/// How often is looked whether everything has arrived.
const LOOK: Duration = Duration::from_millis(200);

#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    service: MeasuredArgs,
    /// Seconds in which clients do things; then everything has time to arrive
    #[arg(long, default_value_t = 20, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// What the random choices come from; without it another one each time
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Clients, of all four subprotocols in turn
    #[arg(long, default_value_t = 24, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(2..))]
    clients: u32,
    /// Groups that they join, leave and send to
    #[arg(long, default_value_t = 6, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    groups: u32,
    /// Messages per second, all clients together
    #[arg(long, default_value_t = 400, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,
    /// How often a client cuts its socket, in seconds between two cuts on average; 0: never
    #[arg(long, default_value_t = 3.0, value_name = "SECONDS")]
    cut_interval: f64,
    /// Publish no streams, for a service that has none
    #[arg(long)]
    without_streams: bool,
    /// Also invoke the event `check`, whose handler must send back what it gets, as `builtin:echo` does
    #[arg(long)]
    invocations: bool,
    /// Shell command that restarts the service; it is run now and then and must return when the service is back
    #[arg(long, value_name = "COMMAND")]
    restart_command: Option<String>,
}

/// What all clients share. There is one thread, so nobody has to wait for it.
struct Run {
    args: Args,
    groups: GroupNames,
    ledger: RefCell<Ledger>,
    end: Instant,
    /// Messages and invocations of all clients without an answer.
    under_way: Cell<usize>,
    /// When all clients will have had time to come back after the last restart.
    back_at: Cell<Option<Instant>>,
}

pub(super) fn run(args: Args) -> Result<()> {
    let seed = args.seed.unwrap_or_else(fresh_seed);
    service::block_on(async { LocalSet::new().run_until(check(args, seed)).await })
}

async fn check(args: Args, seed: u64) -> Result<()> {
    let mut random = Random::new(seed);
    let end = Instant::now() + Duration::from_secs(args.seconds);
    let ledger = RefCell::new(Ledger::new(args.groups as usize));
    let groups = GroupNames::new(nanoseconds());
    let run = Rc::new(Run { args, groups, ledger, end, under_way: Cell::new(0), back_at: Cell::new(None) });
    let mut members = Vec::new();
    for _ in 0..run.args.clients {
        members.push(Member::connect(&run, random.fork()).await?);
    }
    let restarter = run.args.restart_command.clone().map(|command| {
        tokio::task::spawn_local(restart::now_and_then(command, Rc::clone(&run), random.fork()))
    });
    let mut tasks = Vec::new();
    for member in &members {
        tasks.push(tokio::task::spawn_local(Rc::clone(member).act()));
    }
    for task in tasks {
        task.await?;
    }
    if let Some(restarter) = restarter {
        restarter.await??;
    }
    settle(&run).await;
    run.ledger.borrow_mut().close();
    for member in &members {
        member.stop().await;
    }
    let verdict = run.ledger.borrow().verdict();
    verdict.tell(seed, &run.args)
}

/// Waits until nothing is under way and nothing is missing, or for long enough.
async fn settle(run: &Run) {
    let end = Instant::now() + SETTLE;
    while Instant::now() < end {
        let is_settled = {
            let ledger = run.ledger.borrow();
            ledger.is_quiet() && ledger.missing().is_empty()
        };
        // Once more: a message that comes twice comes behind the first one.
        sleep(LOOK).await;
        if is_settled {
            return;
        }
    }
}

/// The time: nothing depends on it being hard to guess.
fn fresh_seed() -> u64 {
    // Short enough to be typed.
    nanoseconds() % 1_000_000_000
}

/// Since 1970, in the lower bits: they tell two moments apart.
fn nanoseconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs().wrapping_mul(1_000_000_000).wrapping_add(since.subsec_nanos().into())
}
