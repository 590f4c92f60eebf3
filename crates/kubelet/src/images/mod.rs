//! Images: whether they are there, and how they get there.

mod image_gc_manager;
pub(crate) use image_gc_manager::ImageGcManager;

mod image_manager;
pub(crate) use image_manager::ImageManager;
mod reference;
pub use reference::parse_image_name;
