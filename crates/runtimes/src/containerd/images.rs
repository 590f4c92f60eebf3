//! Images, their content and their snapshots.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The images of one of containerd's namespaces.
#[derive(Default)]
pub(super) struct ImageStore {
    images: RefCell<BTreeMap<Rc<str>, Rc<str>>>,
}
