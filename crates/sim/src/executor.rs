//! A single-thread executor over virtual time.
//!
//! Tasks that can run do so in the order in which they were woken. When none can, time jumps to
//! the earliest timer; timers of one moment fire in the order in which they were set.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use trace::Time;

/// The queue is shared with wakers, which the language requires to be `Send`; nothing here ever
/// leaves its thread.
type RunQueue = Arc<Mutex<VecDeque<async_task::Runnable>>>;

#[derive(Default)]
pub(crate) struct Executor {
    clock: Rc<Clock>,
    queue: RunQueue,
}

#[derive(Default)]
struct Clock {
    now: Cell<Time>,
    timers: RefCell<BinaryHeap<Reverse<Timer>>>,
    timers_set: Cell<u64>,
}

/// A deadline and whom to wake. Ordered by deadline, then by when it was set.
struct Timer {
    deadline: Time,
    number: u64,
    sleeper: Rc<Sleeper>,
}

#[derive(Default)]
struct Sleeper {
    waker: RefCell<Option<Waker>>,
    fired: Cell<bool>,
}

impl PartialEq for Timer {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Timer {}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timer {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.deadline, self.number).cmp(&(other.deadline, other.number))
    }
}

impl Executor {
    pub(crate) fn now(&self) -> Time {
        self.clock.now.get()
    }

    pub(crate) fn spawn<T: 'static>(
        &self,
        future: impl Future<Output = T> + 'static,
    ) -> TaskHandle<T> {
        let result = Rc::new(RefCell::new(None));
        let slot = Rc::clone(&result);
        let task = self.spawn_boxed(Box::pin(async move {
            let value = future.await;
            *slot.borrow_mut() = Some(value);
        }));
        TaskHandle { task: Some(task), result }
    }

    /// One kind of task for all futures: each kind would cost some kilobytes of code.
    fn spawn_boxed(&self, future: Pin<Box<dyn Future<Output = ()>>>) -> async_task::Task<()> {
        let queue = Arc::clone(&self.queue);
        let schedule = move |runnable| {
            queue.lock().unwrap_or_else(PoisonError::into_inner).push_back(runnable);
        };
        let (runnable, task) = async_task::spawn_local(future, schedule);
        runnable.schedule();
        task
    }

    pub(crate) fn sleep_until(&self, deadline: Time) -> Sleep {
        Sleep { clock: Rc::clone(&self.clock), deadline, sleeper: None }
    }

    pub(crate) fn next_timer(&self) -> Option<Time> {
        let mut timers = self.clock.timers.borrow_mut();
        // A sleeper that only the heap still holds was dropped: nobody waits.
        while timers.peek().is_some_and(|Reverse(timer)| Rc::strong_count(&timer.sleeper) == 1) {
            timers.pop();
        }
        timers.peek().map(|Reverse(timer)| timer.deadline)
    }

    pub(crate) fn run_ready(&self) {
        loop {
            let next = self.queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some(runnable) = next else { return };
            runnable.run();
        }
    }

    pub(crate) fn run_until(&self, end: Time) {
        self.run_ready();
        while let Some(deadline) = self.next_timer().filter(|&deadline| deadline <= end) {
            if deadline > self.now() {
                self.clock.now.set(deadline);
            }
            let timer = self.clock.timers.borrow_mut().pop();
            if let Some(Reverse(timer)) = timer {
                timer.sleeper.fired.set(true);
                let waker = timer.sleeper.waker.borrow_mut().take();
                waker.inspect(Waker::wake_by_ref);
            }
            self.run_ready();
        }
        if end > self.now() {
            self.clock.now.set(end);
        }
    }
}

/// A running task. Dropping the handle lets it run on.
pub struct TaskHandle<T> {
    task: Option<async_task::Task<()>>,
    result: Rc<RefCell<Option<T>>>,
}

impl<T> TaskHandle<T> {
    /// Stops the task at the point where it waits and drops what it holds.
    pub fn abort(mut self) {
        // Dropping a task cancels it.
        drop(self.task.take());
    }

    /// Whether it has come to its end.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.task.as_ref().is_none_or(async_task::Task::is_finished)
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If the task panicked.
    pub async fn join(mut self) -> T {
        // The task stays in the handle: if nobody waits any more, it runs on.
        if let Some(task) = self.task.as_mut() {
            task.await;
        }
        self.result.take().expect("a task that has ended has left its result")
    }
}

impl<T> Drop for TaskHandle<T> {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.detach();
        }
    }
}

/// Waiting for a moment.
pub struct Sleep {
    clock: Rc<Clock>,
    deadline: Time,
    sleeper: Option<Rc<Sleeper>>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(sleeper) = &self.sleeper {
            if sleeper.fired.get() {
                return Poll::Ready(());
            }
            *sleeper.waker.borrow_mut() = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if self.deadline <= self.clock.now.get() {
            return Poll::Ready(());
        }
        let sleeper = Rc::new(Sleeper {
            waker: RefCell::new(Some(cx.waker().clone())),
            fired: Cell::new(false),
        });
        let number = self.clock.timers_set.get();
        self.clock.timers_set.set(number + 1);
        self.clock.timers.borrow_mut().push(Reverse(Timer {
            deadline: self.deadline,
            number,
            sleeper: Rc::clone(&sleeper),
        }));
        self.sleeper = Some(sleeper);
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn tasks_interleave_by_time_then_by_order() {
        let executor = Rc::new(Executor::default());
        let log = Rc::new(RefCell::new(Vec::new()));
        for (name, delays) in [("a", [2, 2]), ("b", [2, 1]), ("c", [1, 3])] {
            let (this, log) = (Rc::clone(&executor), Rc::clone(&log));
            executor.spawn(async move {
                for delay in delays {
                    this.sleep_until(this.now() + Duration::from_millis(delay)).await;
                    log.borrow_mut().push(format!("{name}@{}", this.now().as_millis()));
                }
            });
        }
        executor.run_until(Time::from_millis(10));
        assert_eq!(*log.borrow(), ["c@1", "a@2", "b@2", "b@3", "c@4", "a@4"]);
        assert_eq!(executor.now(), Time::from_millis(10));
    }

    #[test]
    fn a_dropped_sleep_does_not_move_time() {
        let executor = Rc::new(Executor::default());
        let this = Rc::clone(&executor);
        let task = executor.spawn(async move {
            this.sleep_until(Time::from_millis(5000)).await;
        });
        executor.run_ready();
        assert_eq!(executor.next_timer(), Some(Time::from_millis(5000)));
        task.abort();
        executor.run_ready();
        assert_eq!(executor.next_timer(), None);
    }

    #[test]
    fn a_task_can_be_joined() {
        let executor = Rc::new(Executor::default());
        let inner = executor.spawn(async { 42 });
        let outer = executor.spawn(async move { inner.join().await + 1 });
        executor.run_ready();
        assert!(outer.is_finished());
    }
}
