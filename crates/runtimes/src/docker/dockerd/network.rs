//! libnetwork, as far as it matters: addresses on the bridge `docker0`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::rc::Rc;

/// The addresses of `docker0`: 172.17.0.0/16, of which the first is the bridge's own.
#[derive(Default)]
pub(super) struct Bridge {
    by_address: RefCell<BTreeMap<u16, Rc<str>>>,
}

/// The prefix length of the bridge's network.
pub(super) const PREFIX: u8 = 16;
const FIRST: u16 = 2;
const LAST: u16 = u16::MAX - 1;

impl Bridge {
    /// The lowest free address; none if there is none.
    pub(super) fn allocate(&self, container: &Rc<str>) -> Option<Ipv4Addr> {
        let mut taken = self.by_address.borrow_mut();
        let mut free = FIRST;
        for &address in taken.keys() {
            if address != free {
                break;
            }
            free = address.checked_add(1)?;
        }
        if free > LAST {
            return None;
        }
        taken.insert(free, Rc::clone(container));
        let [high, low] = free.to_be_bytes();
        Some(Ipv4Addr::new(172, 17, high, low))
    }

    /// Gives a container's address back.
    pub(super) fn release(&self, container: &str) {
        self.by_address.borrow_mut().retain(|_, owner| **owner != *container);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_free_address_is_next() {
        let bridge = Bridge::default();
        let ip = |id: &str| bridge.allocate(&id.into()).map(|ip| ip.to_string());
        assert_eq!(ip("a").as_deref(), Some("172.17.0.2"));
        assert_eq!(ip("b").as_deref(), Some("172.17.0.3"));
        bridge.release("a");
        assert_eq!(ip("c").as_deref(), Some("172.17.0.2"));
        assert_eq!(ip("d").as_deref(), Some("172.17.0.4"));
    }
}
