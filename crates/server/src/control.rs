//! The control thread: work that belongs to no connection and may wait for others, with a small runtime of its own, so
//! that no shard ever waits for it.

use std::io;
use std::thread::JoinHandle;

use tokio::sync::oneshot;

/// A running control thread. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Control {
    /// Dropped to stop it.
    running: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Control {
    /// Starts the thread with this work, and with the rest that is to be done when it is told to end, beside the work.
    ///
    /// # Errors
    /// The system gives no thread or no event queue.
    pub(crate) fn start(
        work: impl Future<Output = ()> + Send + 'static,
        rest: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (running, stopped) = oneshot::channel::<()>();
        let run = move || {
            runtime.block_on(async {
                let until_told = async {
                    let _ = stopped.await;
                    rest.await;
                };
                tokio::select! {
                    () = work => {}
                    () = until_told => {}
                }
            });
            // A look-up of a host name cannot be interrupted and is not waited for.
            runtime.shutdown_background();
        };
        let thread = std::thread::Builder::new().name("control".to_owned()).spawn(run)?;
        Ok(Self { running, thread })
    }

    /// Tells it to end; what is returned ends with it.
    pub(crate) fn stop(self) -> JoinHandle<()> {
        drop(self.running);
        self.thread
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_when_told() {
        let control = Control::start(std::future::pending(), async {}).unwrap();
        assert_eq!(control.thread.thread().name(), Some("control"));
        control.stop().join().unwrap();
    }
}
