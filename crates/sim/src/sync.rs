//! What tasks wait for each other with.

use futures_channel::oneshot;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

/// A counter of changes, and a way to wait for the next.
#[derive(Clone, Default)]
pub struct Changes(Rc<ChangesInner>);

#[derive(Default)]
struct ChangesInner {
    count: Cell<u64>,
    signal: Signal,
}

impl Changes {
    /// How many changes there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.count.get()
    }

    /// Counts one more and wakes whoever waits.
    pub fn mark(&self) {
        self.0.count.set(self.0.count.get() + 1);
        self.0.signal.notify();
    }

    /// Waits until there were more than `seen`.
    pub async fn more_than(&self, seen: u64) {
        while self.count() <= seen {
            self.0.signal.wait().await;
        }
    }
}

/// Wakes everybody who waits at the moment of the notification.
#[derive(Clone, Default)]
pub struct Signal(Rc<RefCell<Vec<oneshot::Sender<()>>>>);

impl Signal {
    /// Wakes everybody who waits now, in the order in which they began to.
    pub fn notify(&self) {
        for waiter in self.0.take() {
            // Whoever has stopped waiting does not mind.
            let _ = waiter.send(());
        }
    }

    /// Waits for the next notification.
    pub async fn wait(&self) {
        let (waiter, woken) = oneshot::channel();
        self.0.borrow_mut().push(waiter);
        // The sender is dropped only together with the signal, which nobody then waits for.
        let _ = woken.await;
    }
}

/// A lock that is given out in the order of asking.
#[derive(Clone, Default)]
pub struct Lock(Rc<LockInner>);

#[derive(Default)]
struct LockInner {
    held: Cell<bool>,
    waiting: RefCell<VecDeque<oneshot::Sender<Guard>>>,
}

/// Holds a [`Lock`] until it is dropped.
pub struct Guard(Lock);

impl Lock {
    /// Waits for the lock.
    pub async fn acquire(&self) -> Guard {
        if !self.0.held.replace(true) {
            return Guard(self.clone());
        }
        let (waiter, turn) = oneshot::channel();
        self.0.waiting.borrow_mut().push_back(waiter);
        turn.await.expect("a lock is passed on before it is dropped")
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Passed on to the first in the queue who has not given up.
        loop {
            let first = self.0.0.waiting.borrow_mut().pop_front();
            let Some(waiter) = first else { break };
            if !waiter.is_canceled() {
                // Nobody else runs between the check and the sending.
                let _ = waiter.send(Self(self.0.clone()));
                return;
            }
        }
        self.0.0.held.set(false);
    }
}
