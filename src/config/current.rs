//! The configuration that holds at the moment.
//!
//! Whoever needs it asks when work begins, and keeps to the answer until that work is done: a recording ends with what
//! it began with. There is one [`Holder`], so that nothing but a reload changes what holds.

use std::sync::Arc;

use tokio::sync::watch;

use super::Config;

/// What holds, for whoever reads it.
#[derive(Debug, Clone)]
pub struct Current(watch::Receiver<Arc<Config>>);

impl Current {
    /// What holds now.
    pub fn get(&self) -> Arc<Config> {
        Arc::clone(&self.0.borrow())
    }
}

/// What holds, for the one who may replace it.
#[derive(Debug)]
pub struct Holder(watch::Sender<Arc<Config>>);

impl Holder {
    /// This holds until it is replaced.
    pub fn new(config: Config) -> Self {
        Self(watch::Sender::new(Arc::new(config)))
    }

    /// A handle for a reader.
    pub fn current(&self) -> Current {
        Current(self.0.subscribe())
    }

    /// From now on this holds.
    pub(crate) fn replace(&self, config: Config) {
        self.0.send_replace(Arc::new(config));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_stays_what_it_was() {
        let holder = Holder::new(Config { reserve: 1, ..Config::defaults() });
        let current = holder.current();
        let before = current.get();
        holder.replace(Config { reserve: 2, ..Config::defaults() });
        assert_eq!((before.reserve, current.get().reserve), (1, 2));
        drop(holder);
        assert_eq!(current.get().reserve, 2, "without a holder it holds for good");
    }
}
