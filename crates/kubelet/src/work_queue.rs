//! When each pod is to be looked at again.
//!
//! Upstream: `pkg/kubelet/util/queue/work_queue.go`.

use std::collections::BTreeMap;
use std::rc::Rc;
use trace::Time;

/// A due time for each pod; the latest call wins.
#[derive(Debug, Default)]
pub(crate) struct WorkQueue {
    due: BTreeMap<Rc<str>, Time>,
    order: BTreeMap<(Time, Rc<str>), ()>,
}

impl WorkQueue {
    pub(crate) fn enqueue(&mut self, uid: &Rc<str>, due: Time) {
        self.remove(uid);
        self.due.insert(uid.clone(), due);
        self.order.insert((due, uid.clone()), ());
    }

    pub(crate) fn remove(&mut self, uid: &Rc<str>) {
        if let Some(due) = self.due.remove(uid) {
            self.order.remove(&(due, uid.clone()));
        }
    }

    /// Takes those that are due.
    pub(crate) fn get_work(&mut self, now: Time) -> Vec<Rc<str>> {
        let mut ready = Vec::new();
        while let Some(entry) = self.order.first_entry()
            && entry.key().0 <= now
        {
            let ((_, uid), ()) = entry.remove_entry();
            self.due.remove(&uid);
            ready.push(uid);
        }
        ready
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_call_wins_and_order_is_by_due_time() {
        let mut queue = WorkQueue::default();
        let [a, b, c]: [Rc<str>; 3] = ["a".into(), "b".into(), "c".into()];
        queue.enqueue(&a, Time::from_millis(10));
        queue.enqueue(&b, Time::from_millis(5));
        queue.enqueue(&c, Time::from_millis(7));
        queue.enqueue(&a, Time::from_millis(6));
        assert!(queue.get_work(Time::from_millis(4)).is_empty());
        assert_eq!(queue.get_work(Time::from_millis(6)), [b, a]);
        queue.remove(&c);
        assert!(queue.get_work(Time::from_millis(100)).is_empty());
    }
}
