//! The kubelet's own machine, on the modelled node.

use kubelet::{Data, Host};
use node::Node;
use sim::Ctx;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The node's files, and the ConfigMaps and Secrets that a scenario supplies.
pub(crate) struct NodeHost {
    pub(crate) node: Node,
    pub(crate) ctx: Ctx,
    pub(crate) config_maps: BTreeMap<String, Data>,
    pub(crate) secrets: BTreeMap<String, Data>,
}

impl Host for NodeHost {
    fn read(&self, path: &str) -> Option<Rc<str>> {
        self.node.read_file(path)
    }

    fn list(&self, directory: &str) -> Vec<String> {
        let prefix = directory.len() + 1;
        let paths = self.node.list_dir(directory);
        paths.iter().filter_map(|path| path.get(prefix..)).map(str::to_owned).collect()
    }

    fn write(&self, path: &str, text: &str) {
        self.node.write_file(&self.ctx, path, text);
    }

    fn create_directory(&self, path: &str) {
        self.node.make_dir(&self.ctx, path);
    }

    fn symlink(&self, target: &str, link: &str) {
        self.node.symlink(&self.ctx, target, link);
    }

    fn remove(&self, path: &str) {
        self.node.remove_dir_all(&self.ctx, path);
    }

    fn config_map(&self, _namespace: &str, name: &str) -> Option<Data> {
        self.config_maps.get(name).cloned()
    }

    fn secret(&self, _namespace: &str, name: &str) -> Option<Data> {
        self.secrets.get(name).cloned()
    }
}
