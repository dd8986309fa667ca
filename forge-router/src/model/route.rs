//! Where a model's name leads: to the stable version, and for a share of the requests to a canary.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Role, Share, Version, VersionId};

/// What a request says about the version it wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wish<'a> {
    /// It names a role itself.
    pub named: Option<Named>,
    /// What its client is known by: requests with the same are answered by the same version.
    pub sticky: Option<&'a [u8]>,
}

/// What a request can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    Stable,
    Canary,
    /// This version or none.
    Version(VersionId),
}

/// The versions that answer now.
#[derive(Debug, Default)]
pub struct Route {
    pub stable: Option<Arc<Version>>,
    pub canary: Option<Canary>,
}

/// A version that answers a share of the requests.
#[derive(Debug)]
pub struct Canary {
    pub version: Arc<Version>,
    pub share: Share,
    /// Requests that neither named a role nor were sticky.
    counted: AtomicU64,
}

impl Canary {
    pub fn new(version: Arc<Version>, share: Share) -> Self {
        Self { version, share, counted: AtomicU64::new(0) }
    }

    fn takes(&self, wish: Wish<'_>) -> bool {
        match (wish.named, wish.sticky) {
            (Some(Named::Version(id)), _) => id == self.version.id(),
            (Some(named), _) => named == Named::Canary,
            (None, Some(client)) => position(client) < self.share.fraction(),
            (None, None) => {
                is_due(self.counted.fetch_add(1, Ordering::Relaxed), self.share.fraction())
            }
        }
    }
}

impl Route {
    /// The versions that answer, the stable one first.
    pub fn versions(&self) -> impl Iterator<Item = &Arc<Version>> {
        self.stable.iter().chain(self.canary.iter().map(|canary| &canary.version))
    }

    /// The version for a request; `None` while there is none, or not the one that it names.
    pub fn pick(&self, wish: Wish<'_>) -> Option<(&Arc<Version>, Role)> {
        match &self.canary {
            Some(canary) if canary.takes(wish) => {
                Some((&canary.version, Role::Canary(canary.share)))
            }
            _ => {
                let stable = self.stable.as_ref().map(|version| (version, Role::Stable))?;
                match wish.named {
                    Some(Named::Version(id)) if id != stable.0.id() => None,
                    _ => Some(stable),
                }
            }
        }
    }
}

/// Where between 0 and 1 a client stands. The same in every forge of this build, as the hasher's keys
/// are constant.
fn position(client: &[u8]) -> f64 {
    let mut hasher = DefaultHasher::new();
    client.hash(&mut hasher);
    // 53 bits are what a float holds exactly.
    (hasher.finish() >> 11) as f64 / (1_u64 << 53) as f64
}

/// Whether request number `count` belongs to the share: spread evenly, and exact in every run of
/// requests, give or take one.
fn is_due(count: u64, fraction: f64) -> bool {
    let until = |count: u64| (count as f64 * fraction) as u64;
    until(count + 1) > until(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_exact_and_evenly_spread() {
        for (fraction, of, expected) in
            [(0.1, 1000, 100), (0.5, 10, 5), (1.0, 7, 7), (0.25, 400, 100), (0.001, 5000, 5)]
        {
            let due: Vec<u64> = (0..of).filter(|count| is_due(*count, fraction)).collect();
            assert_eq!(due.len(), expected, "{fraction}");
            let widest = due.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0);
            assert!(widest as f64 <= 1.0 / fraction + 1.0, "{fraction}: {widest}");
        }
    }

    #[test]
    fn clients_are_spread_by_what_they_are_known_by() {
        let below = |share: f64| {
            (0..10_000).filter(|n: &u32| position(n.to_string().as_bytes()) < share).count()
        };
        for (share, about) in [(0.1, 1000), (0.5, 5000), (0.9, 9000)] {
            assert!(below(share).abs_diff(about) < 300, "{share}: {}", below(share));
        }
        // Who is in a small share is in every larger one, so a growing canary moves nobody back.
        let in_small = |n: &u32| position(n.to_string().as_bytes()) < 0.1;
        assert!((0..1000).filter(in_small).all(|n| position(n.to_string().as_bytes()) < 0.2));
    }
}
