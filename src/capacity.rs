//! How much may be recorded at a time, and what each backend's recordings may take.

mod memory;

use actors::{ids::BackendId, recorder::Limits};

use crate::config::{Config, EngineChoice};

/// Cores that a recording in full HD takes, as measured in `docs/performance.md`, with room for calls with more
/// movement.
const CORES_A_RECORDING: f64 = 0.8;
/// Memory that it takes at its peak.
const BYTES_A_RECORDING: u64 = 1 << 30;
/// The synthetic engine takes next to nothing.
const SYNTHETIC: usize = 100_000;

/// How many calls may be recorded at a time: as configured, or as many as the cores and the memory are enough for.
pub(crate) fn slots(config: &Config) -> usize {
    if let Some(configured) = config.recording.max_concurrent {
        return configured;
    }
    if config.recording.engine == EngineChoice::Synthetic {
        return SYNTHETIC;
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = memory::available();
    let slots = enough_for(cores, memory);
    log::info!(max_concurrent = slots, cores, memory_mib = memory >> 20;
        "[recording] max_concurrent is not set, taken from the machine");
    slots
}

fn enough_for(cores: usize, memory: u64) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "machines have few cores"
    )]
    let by_cores = (cores as f64 / CORES_A_RECORDING) as usize;
    let by_memory = usize::try_from(memory / BYTES_A_RECORDING).unwrap_or(usize::MAX);
    by_cores.min(by_memory).max(1)
}

/// What the recordings of a backend may take.
pub(crate) fn limits_of(backend: &BackendId, config: &Config) -> Limits {
    let settings = config.backends.settings_of(backend);
    Limits {
        recordings: settings.and_then(|settings| settings.max_recordings),
        length: config.limits.max_length,
        size: config.limits.max_size,
        quota: settings.and_then(|settings| settings.quota),
        reserve: config.reserve,
        uploads: config.upload.max_concurrent,
        give_up_after: config.upload.give_up_after,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scarcer_of_cores_and_memory_decides_and_one_is_always_possible() {
        assert_eq!(enough_for(2, 24 << 30), 2);
        assert_eq!(enough_for(16, 64 << 30), 20);
        assert_eq!(enough_for(16, 4 << 30), 4);
        assert_eq!(enough_for(1, 1 << 20), 1);
    }
}
