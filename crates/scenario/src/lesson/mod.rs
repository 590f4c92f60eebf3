//! Lessons: guided runs on the live simulator, with questions that it answers itself.
//!
//! A lesson is a file in `lessons/`. Its texts are attached to steps by [`Moment`], a predicate
//! over events, never by an index; numbers in its texts and the right answers of its questions are
//! [`Value`]s, computed from the trace that the reader looks at. Nothing here knows a right answer.

mod format;
pub use format::{
    Answer, Change, Choice, Condition, Counter, Entry, Index, Lesson, Moment, Offer, Page,
    Question, Setting, Value,
};

mod lab;
pub use lab::Lab;

mod library;
pub use library::{index, lessons};
