//! Processes as a tree.

use std::collections::BTreeMap;
use std::rc::Rc;
use trace::{Frame, NamespaceKind, Process};

/// A process with how deep it hangs in the tree.
#[derive(Clone, Debug)]
pub struct Branch {
    /// The process.
    pub process: Rc<Process>,
    /// 0 for one without a living parent.
    pub depth: usize,
}

/// The live processes, each before its children. With a filter, only those that pass it, hung
/// below the nearest ancestor that passes as well.
#[must_use]
pub fn processes(frame: &Frame, keep: impl Fn(&Process) -> bool) -> Vec<Branch> {
    let mut children: BTreeMap<u32, Vec<&Rc<Process>>> = BTreeMap::new();
    for process in frame.processes.values() {
        let orphan = process.ppid == process.pid || !frame.processes.contains_key(&process.ppid);
        children.entry(if orphan { 0 } else { process.ppid }).or_default().push(process);
    }
    let mut branches = Vec::new();
    let mut open: Vec<(&Rc<Process>, usize)> =
        children.get(&0).into_iter().flatten().rev().map(|process| (*process, 0)).collect();
    while let Some((process, depth)) = open.pop() {
        let kept = keep(process);
        if kept {
            branches.push(Branch { process: process.clone(), depth });
        }
        if process.pid != 0 {
            let below = children.get(&process.pid).into_iter().flatten().rev();
            open.extend(below.map(|child| (*child, depth + usize::from(kept))));
        }
    }
    branches
}

/// The namespaces that more than one of these processes is in.
#[must_use]
pub fn shared_namespaces(branches: &[Branch]) -> Vec<(NamespaceKind, u32, usize)> {
    let mut count: BTreeMap<(NamespaceKind, u32), usize> = BTreeMap::new();
    for branch in branches {
        for namespace in &branch.process.namespaces {
            *count.entry(*namespace).or_default() += 1;
        }
    }
    count.into_iter().filter(|(_, n)| *n > 1).map(|((kind, id), n)| (kind, id, n)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(processes: &[(u32, u32)]) -> Frame {
        let mut frame = Frame::default();
        for &(pid, ppid) in processes {
            let process = Process {
                pid,
                ppid,
                argv: vec![format!("p{pid}").into()],
                component: None,
                container_id: "".into(),
                namespaces: vec![(NamespaceKind::Net, 7)],
                cgroup: "".into(),
            };
            frame.processes.insert(pid, Rc::new(process));
        }
        frame
    }

    #[test]
    fn children_follow_their_parents() {
        let frame = frame(&[(1, 0), (10, 1), (11, 1), (20, 10), (30, 99)]);
        let list: Vec<_> =
            processes(&frame, |_| true).iter().map(|b| (b.process.pid, b.depth)).collect();
        assert_eq!(list, [(1, 0), (10, 1), (20, 2), (11, 1), (30, 0)]);
    }

    #[test]
    fn what_is_left_out_passes_its_children_on() {
        let frame = frame(&[(1, 0), (10, 1), (20, 10)]);
        let list: Vec<_> =
            processes(&frame, |p| p.pid != 10).iter().map(|b| (b.process.pid, b.depth)).collect();
        assert_eq!(list, [(1, 0), (20, 1)]);
    }

    #[test]
    fn shared_namespaces_are_found() {
        let frame = frame(&[(1, 0), (10, 1)]);
        assert_eq!(shared_namespaces(&processes(&frame, |_| true)), [(NamespaceKind::Net, 7, 2)]);
    }
}
