//! Images: whether they are there, and how they get there.

mod image_manager;
pub(crate) use image_manager::ImageManager;
mod reference;
pub use reference::parse_image_name;
