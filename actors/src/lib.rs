//! The core of talk-recorder.
pub mod ids;
pub mod ports;
pub mod recording;
pub mod synthetic {
    //! Placeholder.
}
