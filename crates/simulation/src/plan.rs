//! What a seed decides: the size of the world, its quirks, its faults and when the engine dies.

use crate::alerts;
use crate::drift::Drift;
use crate::limits::Limit;
use crate::removals::Removals;
use crate::renames::Renames;
use duet_engine::Settings;
use duet_engine::failpoint::POINTS;
use duet_map::side::{PerSide, Side};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::time::Duration;

/// How often something goes wrong, each as a share of calls.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Faults {
    /// The request never arrives.
    pub lost_request: f64,
    /// It is done, and the answer never arrives.
    pub lost_answer: f64,
    /// 429: the system asks for patience.
    pub busy: f64,
    /// 503: the system is not available for a moment.
    pub unavailable: f64,
    /// A batch ends half-way.
    pub torn_batch: f64,
    /// The change cursor is too old.
    pub expired_cursor: f64,
    /// A read of changes or of a table shows an earlier state, where versions tell the difference.
    pub stale_read: f64,
    /// A read by identifier shows an earlier state, where versions tell the difference.
    pub stale_point: f64,
    /// A notice never arrives.
    pub lost_notice: f64,
    /// A notice arrives twice.
    pub doubled_notice: f64,
    /// From when until when the system answers nothing at all.
    pub down: Vec<(Duration, Duration)>,
}

/// What operators do at Duet's own controls while it runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Operations {
    /// How many orders they give.
    pub orders: u32,
    /// Longest pause between two of them.
    pub gap: Duration,
    /// The left column of a field that the customers' map gets only in its next version.
    pub lacks: Option<&'static str>,
    /// Whether environments move to another address.
    pub relinks: bool,
    /// Whether what queued during a pause may be discarded.
    pub discards: bool,
    /// Whether companies enter the scope and leave it.
    pub companies: bool,
    /// Whether orders come when maps are not at rest, and fields go out of a map and come back.
    pub awkward: bool,
}

/// Who decides where both sides changed one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policies {
    /// The word of the maps: `master`, `latest` or `manual`.
    pub maps: &'static str,
    /// The words of fields, by their left column.
    pub fields: Vec<(&'static str, &'static str)>,
    /// By how many milliseconds the clock of either side is wrong.
    pub clocks: PerSide<i64>,
    /// How often clerks decide, edit, discard and retry what waits while people work.
    pub clerks: u32,
}

/// A point at which the engine dies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Death {
    /// The point, one of [`duet_engine::failpoint::POINTS`].
    pub point: &'static str,
    /// How often it is reached before.
    pub after: u32,
}

/// Everything that one seed decides, printed with every failure.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The seed.
    pub seed: u64,
    /// How many things users do.
    pub edits: u32,
    /// How many of them before the first sync.
    pub edits_before: u32,
    /// Longest pause between two of them.
    pub gap: Duration,
    /// How many customer numbers users choose from; few make users meet.
    pub numbers: u32,
    /// Which side is the master of the maps.
    pub master: Side,
    /// Whether the left side gives numbers to customers that come without.
    pub allocates: bool,
    /// Whether the left side checks versions, as Finance & Operations does with trusted etags.
    pub left_checks_versions: bool,
    /// Whether the right side checks versions.
    pub right_checks_versions: bool,
    /// Whether the left side fills a field that users leave empty.
    pub left_computes: bool,
    /// Whether deletions are seen when the record is referenced.
    pub deletes: bool,
    /// Whether users move rows in and out of the filters.
    pub filters: bool,
    /// The share of the store's transactions that find no room on the disk.
    pub store_full: f64,
    /// Which sides rewrite names as they store them: the left in capitals, the right in small
    /// letters. Where both do, no value satisfies either.
    pub rewrites: PerSide<bool>,
    /// What goes wrong on either side.
    pub faults: PerSide<Faults>,
    /// Longest time that a request or an answer travels.
    pub latency: Duration,
    /// After how many polls each of the first engines is killed.
    pub crashes: Vec<u64>,
    /// At which points the engines after them die.
    pub deaths: Vec<Death>,
    /// Columns that are not as they were for a while.
    pub drifts: Vec<Drift>,
    /// What operators do; `None`: nobody touches a running Duet.
    pub operations: Option<Operations>,
    /// Who decides conflicts; `None`: the master, and nobody tells when a record was modified.
    pub policies: Option<Policies>,
    /// How people give records other keys; `None`: nobody does.
    pub renames: Option<Renames>,
    /// How deletions are taken; `None`: they travel, one by one.
    pub removals: Option<Removals>,
    /// What either side lets one user ask for.
    pub limits: PerSide<Option<Limit>>,
    /// Whether the end is reached by live sync rather than by applying until nothing is left.
    pub ends_live: bool,
    /// What the engine is set to.
    pub settings: Settings,
}

impl Plan {
    /// The plan of a seed.
    pub fn new(seed: u64) -> Self {
        let mut plan = Self::wide(seed);
        if source(seed, "further").random_bool(0.5) {
            plan.go_further();
        }
        plan.broaden();
        plan
    }

    /// The plan of a seed, in half of which people change keys. Apart from the others, because some
    /// of these seeds still break a promise.
    pub fn with_keys(seed: u64) -> Self {
        let mut plan = Self::new(seed);
        let random = &mut source(seed, "renames");
        if random.random_bool(0.5) {
            plan.renames = Some(Renames::draw(random));
        }
        plan
    }

    /// The plan of a seed on whose right side a replica that lags behind now and then answers a read by
    /// identifier. Apart from the others, because what is absent has no version that tells its age.
    pub fn with_stale_points(seed: u64) -> Self {
        let mut plan = Self::new(seed);
        let random = &mut source(seed, "stale points");
        plan.faults.right.stale_point = [0.02, 0.1, 0.4][random.random_range(0..3)];
        plan
    }

    /// The plan of a seed with alert rules, which few seeds have otherwise.
    pub fn with_rules(seed: u64) -> Self {
        let mut plan = Self::wide(seed);
        plan.rewrites = PerSide::default();
        plan.set_rules(&mut source(seed, "rules"));
        plan
    }

    /// The plan of a seed in which Duet dies between a write and its settlement, while one side
    /// allocates keys.
    pub fn with_deaths_in_writes(seed: u64) -> Self {
        let mut plan = Self::plain(seed);
        plan.allocates = true;
        let random = &mut source(seed, "deaths in writes");
        plan.deaths = (0..3)
            .map(|_| Death {
                point: "after-write",
                after: random.random_range(0..8),
            })
            .collect();
        plan
    }

    /// Draws what half of the seeds have beside what [`Plan::wide`] decides, each by a source of its
    /// own.
    fn go_further(&mut self) {
        let random = &mut source(self.seed, "removals");
        if random.random_bool(0.5) {
            let mut removals = Removals::draw(random, self.edits);
            let random = &mut source(self.seed, "brake window");
            if random.random_bool(0.4) {
                removals.window = Duration::from_secs(random.random_range(3..90));
            }
            removals.set(&mut self.settings);
            self.removals = Some(removals);
        }
        let random = &mut source(self.seed, "limits");
        self.limits = PerSide::from_fn(|_| {
            random.random_bool(0.3).then(|| Limit {
                requests: random.random_range(10..60),
                window: Duration::from_secs(random.random_range(5..20)),
            })
        });
    }

    /// Draws what a part of the seeds has beside the rest, each subject from a source of its own.
    fn broaden(&mut self) {
        let random = &mut source(self.seed, "companies");
        if random.random_bool(0.2) {
            let operations = self.operated(random);
            operations.companies = true;
            operations.orders += random.random_range(1..6);
        }
        let random = &mut source(self.seed, "awkward moments");
        if random.random_bool(0.2) {
            let operations = self.operated(random);
            operations.awkward = true;
            operations.discards |= random.random_bool(0.5);
            operations.orders += random.random_range(2..8);
        }
        self.drift();
        // Where both systems rewrite, what oscillates sets a rule off at every reading, until somebody
        // changes the map or the rule, which nobody does here.
        let oscillates = self.rewrites.left && self.rewrites.right;
        let random = &mut source(self.seed, "alerts");
        if random.random_bool(0.2) && !oscillates {
            self.set_rules(random);
        }
    }

    fn set_rules(&mut self, random: &mut StdRng) {
        self.operated(random);
        self.settings.alerts = alerts::draw(random);
        self.settings.trial_after = Duration::from_secs(random.random_range(2..10));
    }

    /// Draws what happens to schemas.
    fn drift(&mut self) {
        let random = &mut source(self.seed, "drift");
        if random.random_bool(0.2) {
            self.operated(random);
            self.settings.refresh_every = Duration::from_secs(random.random_range(5..30));
            self.drifts = (0..random.random_range(1..4))
                .map(|_| Drift::draw(random))
                .collect();
        }
    }

    /// What operators do, who may have had nothing to do so far.
    fn operated(&mut self, random: &mut StdRng) -> &mut Operations {
        self.operations.get_or_insert_with(|| Operations {
            orders: 0,
            gap: Duration::from_millis([300, 3_000, 15_000][random.random_range(0..3)]),
            lacks: None,
            relinks: false,
            discards: false,
            companies: false,
            awkward: false,
        })
    }

    /// The part of a seed's plan that pinned seeds were found with: keys stay as they are, every
    /// deletion travels, and users have no limits.
    pub fn wide(seed: u64) -> Self {
        let mut plan = Self::plain(seed);
        // A source of its own, so that what came later leaves the earlier part of a plan as it was.
        let random = &mut StdRng::seed_from_u64(seed ^ 0x6c61_7465_7220_6f6e);
        if random.random_bool(0.15) {
            plan.store_full = random.random_range(0.0..0.05);
        }
        let both = random.random_bool(0.05);
        plan.rewrites = PerSide {
            left: both || random.random_bool(0.05),
            right: both || random.random_bool(0.05),
        };
        if source(seed, "wide").random_bool(0.5) {
            plan.widen();
        }
        plan
    }

    /// Draws what half of the seeds have beside the rest. Each has a source of its own, so that what
    /// is added later leaves the others as they are.
    fn widen(&mut self) {
        let random = &mut source(self.seed, "operations");
        if random.random_bool(0.6) {
            self.operations = Some(Operations {
                orders: random.random_range(1..12),
                gap: Duration::from_millis([300, 3_000, 15_000][random.random_range(0..3)]),
                lacks: [
                    None,
                    Some("City"),
                    Some("CreditLimit"),
                    Some("OrganizationName"),
                ][random.random_range(0..4)],
                relinks: random.random_bool(0.3),
                discards: random.random_bool(0.4),
                companies: false,
                awkward: false,
            });
        }
        let random = &mut source(self.seed, "policies");
        if random.random_bool(0.6) {
            const WORDS: [&str; 3] = ["master", "latest", "manual"];
            let word = |random: &mut StdRng| WORDS[random.random_range(0..WORDS.len())];
            let maps = word(random);
            let columns = ["OrganizationName", "City", "CreditLimit"];
            let own = columns.map(|column| (column, random.random_bool(0.3), word(random)));
            let wrong = |random: &mut StdRng| random.random_range(-3_000..=3_000);
            self.policies = Some(Policies {
                maps,
                fields: own
                    .into_iter()
                    .filter(|(_, has, _)| *has)
                    .map(|(column, _, word)| (column, word))
                    .collect(),
                clocks: PerSide {
                    left: wrong(random),
                    right: wrong(random),
                },
                clerks: random.random_range(0..8),
            });
            self.settings.clock_skew =
                Duration::from_secs([0, 2, 5, 60][random.random_range(0..4)]);
        }
        let random = &mut source(self.seed, "deaths");
        if random.random_bool(0.4) {
            self.deaths = (0..random.random_range(1..4))
                .map(|_| {
                    let most = [2, 8, 40][random.random_range(0..3)];
                    Death {
                        point: POINTS[random.random_range(0..POINTS.len())],
                        after: random.random_range(0..most),
                    }
                })
                .collect();
        }
    }

    /// The part of a seed's plan that is decided first: nothing is wrong with the store, and no
    /// side rewrites what it is given.
    pub fn plain(seed: u64) -> Self {
        let random = &mut StdRng::seed_from_u64(seed);
        let edits = random.random_range(4..60);
        let span = 40;
        let crashes = if random.random_bool(0.5) {
            (0..random.random_range(1..6))
                .map(|_| {
                    let most = [40, 300, 2_000][random.random_range(0..3)];
                    random.random_range(1..most)
                })
                .collect()
        } else {
            Vec::new()
        };
        Self {
            seed,
            edits,
            edits_before: random.random_range(0..=edits / 2),
            gap: Duration::from_millis([20, 500, 4_000][random.random_range(0..3)]),
            numbers: random.random_range(1..7),
            master: if random.random_bool(0.7) {
                Side::Left
            } else {
                Side::Right
            },
            allocates: random.random_bool(0.3),
            left_checks_versions: random.random_bool(0.5),
            right_checks_versions: random.random_bool(0.9),
            left_computes: random.random_bool(0.4),
            deletes: random.random_bool(0.7),
            filters: random.random_bool(0.4),
            store_full: 0.0,
            rewrites: PerSide::default(),
            faults: PerSide {
                left: faults(random, span),
                right: faults(random, span),
            },
            latency: Duration::from_millis([0, 3, 80, 900][random.random_range(0..4)]),
            crashes,
            deaths: Vec::new(),
            drifts: Vec::new(),
            operations: None,
            policies: None,
            renames: None,
            removals: None,
            limits: PerSide::default(),
            ends_live: random.random_bool(0.3),
            settings: settings(random),
        }
    }
}

/// The source of what a seed decides about one subject.
fn source(seed: u64, subject: &str) -> StdRng {
    // FNV-1a, so that subjects have sources far apart.
    let far = subject
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    StdRng::seed_from_u64(seed ^ far)
}

fn faults(random: &mut StdRng, span: u64) -> Faults {
    if random.random_bool(0.3) {
        return Faults::default();
    }
    let level = [0.01, 0.05, 0.2][random.random_range(0..3)];
    let mut some = || {
        if random.random_bool(0.5) {
            random.random_range(0.0..level)
        } else {
            0.0
        }
    };
    let mut faults = Faults {
        lost_request: some(),
        lost_answer: some(),
        busy: some(),
        unavailable: some(),
        torn_batch: some(),
        expired_cursor: some(),
        stale_read: some() * 3.0,
        stale_point: 0.0,
        lost_notice: some() * 4.0,
        doubled_notice: some() * 2.0,
        down: Vec::new(),
    };
    if random.random_bool(0.3) {
        let from = random.random_range(0..span);
        let until = from + random.random_range(1..span);
        faults.down = vec![(Duration::from_secs(from), Duration::from_secs(until))];
    }
    faults
}

fn settings(random: &mut StdRng) -> Settings {
    Settings {
        poll_every: Duration::from_secs(random.random_range(1..8)),
        sweep_every: Duration::from_secs(random.random_range(5..40)),
        round: [1, 3, 500][random.random_range(0..3)],
        attempts: random.random_range(2..9),
        retry_after: Duration::from_millis(500),
        retry_at_most: Duration::from_secs(random.random_range(5..60)),
        recheck_every: Duration::from_secs(random.random_range(5..30)),
        // Few records, and people who delete them all: only [`Removals`] has a brake that holds.
        delete_few: 20,
        delete_window: Duration::ZERO,
        ..Settings::default()
    }
}
