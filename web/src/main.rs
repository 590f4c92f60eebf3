//! The page's program; everything is in the library, where native tests reach it.

fn main() {
    web::start();
}
