//! The one list of what a server does otherwise than documented.

/// A server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum On {
    /// Our own.
    Simulator,
    /// MiniStack's EC2.
    MiniStack,
    /// moto's EC2.
    Moto,
}

/// A difference.
pub struct Difference {
    /// Where.
    pub on: On,
    /// In which case.
    pub case: &'static str,
    /// What is seen instead.
    pub instead: &'static str,
}

const fn ministack(case: &'static str, instead: &'static str) -> Difference {
    Difference { on: On::MiniStack, case, instead }
}

const fn moto(case: &'static str, instead: &'static str) -> Difference {
    Difference { on: On::Moto, case, instead }
}

/// All of them. Our own simulator has none.
pub const DIFFERENCES: &[Difference] = &[
    ministack("regions, all", "enabled alone"),
    ministack("regions, unknown", "accepted"),
    ministack("volumes by escaped asterisk", "nothing"),
    ministack("volumes by unknown filter", "accepted"),
    ministack("volumes, 201 values", "accepted"),
    ministack("volumes, long value", "accepted"),
    ministack("volumes, pages of 4", "accepted"),
    ministack("volumes, pages of ids", "accepted"),
    ministack("volumes, pages", "12, each once"),
    ministack("volumes, bad token", "accepted"),
    ministack("volumes, id of another form", "refused, InvalidVolume.NotFound"),
    ministack("volumes, malformed id", "refused, InvalidVolume.NotFound"),
    ministack("volumes, unknown zone", "accepted"),
    ministack("snapshot, pending", "completed"),
    ministack("snapshot, id of another form", "refused, InvalidVolume.NotFound"),
    ministack("snapshot, malformed volume", "refused, InvalidVolume.NotFound"),
    ministack("snapshot, second at once", "accepted"),
    ministack("snapshot, 256 characters", "accepted"),
    ministack("snapshot, tag of AWS", "accepted"),
    ministack("snapshot, tag twice", "accepted"),
    ministack("snapshot, 51 tags", "accepted"),
    ministack("snapshot, key of 129", "accepted"),
    ministack("snapshot, value of 257", "accepted"),
    ministack("snapshot, tags of a volume", "accepted"),
    ministack("snapshots by unknown filter", "accepted"),
    ministack("snapshots, 201 values", "accepted"),
    ministack("snapshots, pages of 4", "accepted"),
    ministack("snapshots, pages of ids", "accepted"),
    ministack("snapshots, pages", "12, each once"),
    ministack("snapshots, pages of a volume", "12, each once"),
    ministack("snapshots, bad token", "accepted"),
    ministack("snapshots, id of another form", "refused, InvalidSnapshot.NotFound"),
    ministack("snapshots, malformed id", "refused, InvalidSnapshot.NotFound"),
    ministack("delete, id of another form", "refused, InvalidSnapshot.NotFound"),
    ministack("delete, malformed id", "refused, InvalidSnapshot.NotFound"),
    ministack("delete, image", "accepted; refused, InvalidSnapshot.NotFound"),
    ministack("deregister, malformed id", "refused, InvalidAMIID.NotFound"),
    ministack("tag of AWS", "accepted"),
    ministack("tag 51", "accepted"),
    ministack("tag an unknown snapshot", "accepted"),
    ministack("tag an unknown volume", "accepted"),
    ministack("tag nonsense", "accepted"),
    ministack("untag by other value", "Team=x"),
    ministack("untag by empty value", "Team=x"),
    ministack("untag all", "Backup=daily Team=x"),
    ministack("dry run, create", "accepted; a"),
    ministack("dry run, delete", "accepted; nothing"),
    ministack("dry run, tag", "accepted; Backup=daily"),
    ministack("dry run, untag", "accepted; no tags"),
    ministack("dry run, volumes", "accepted"),
    ministack("dry run, snapshots", "accepted"),
    ministack("dry run, regions", "accepted"),
    ministack("restore", "8 GiB, of the snapshot"),
    ministack("restore, smaller", "accepted"),
    ministack("restore, unknown snapshot", "accepted"),
    ministack("restore, other parameters", "accepted"),
    ministack("restore, key alone", "accepted"),
    ministack("detach, not attached", "accepted"),
    ministack("zones, named", "us-east-1a us-east-1b us-east-1c"),
    ministack("zones, unknown", "accepted"),
    moto("regions", "enabled and not opted in"),
    moto("regions, unknown", "accepted"),
    moto("volumes by escaped asterisk", "nothing"),
    moto("volumes by unknown filter", "refused, HTTP 500"),
    moto("volumes, 201 values", "accepted"),
    moto("volumes, long value", "accepted"),
    moto("volumes, pages of 4", "accepted"),
    moto("volumes, pages of ids", "accepted"),
    moto("volumes, pages", "12, each once"),
    moto("volumes, bad token", "accepted"),
    moto("volumes, id of another form", "refused, InvalidVolume.NotFound"),
    moto("volumes, malformed id", "refused, InvalidVolume.NotFound"),
    moto("volumes, unknown zone", "accepted"),
    moto("snapshot, pending", "completed"),
    moto("snapshot, id of another form", "refused, InvalidVolume.NotFound"),
    moto("snapshot, malformed volume", "refused, InvalidVolume.NotFound"),
    moto("snapshot, second at once", "accepted"),
    moto("snapshot, 256 characters", "accepted"),
    moto("snapshot, tag of AWS", "accepted"),
    moto("snapshot, tag twice", "accepted"),
    moto("snapshot, key of 129", "accepted"),
    moto("snapshot, value of 257", "accepted"),
    moto("snapshot, tags of a volume", "accepted"),
    moto("snapshots by unknown filter", "refused, HTTP 500"),
    moto("snapshots, 201 values", "accepted"),
    moto("snapshots, pages of 4", "accepted"),
    moto("snapshots, pages of ids", "accepted"),
    moto("snapshots, pages", "12, each once"),
    moto("snapshots, pages of a volume", "12, each once"),
    moto("snapshots, bad token", "accepted"),
    moto("snapshots of another", "a"),
    moto("snapshots, id of another form", "refused, InvalidSnapshot.NotFound"),
    moto("snapshots, malformed id", "refused, InvalidSnapshot.NotFound"),
    moto("delete, id of another form", "refused, InvalidSnapshot.NotFound"),
    moto("delete, malformed id", "refused, InvalidSnapshot.NotFound"),
    moto("delete, image", "accepted; refused, InvalidSnapshot.NotFound"),
    moto("deregister, malformed id", "refused, InvalidAMIID.NotFound"),
    moto("tag of AWS", "accepted"),
    moto("untag all", "Backup=daily Team=x"),
    moto("dry run, volumes", "accepted"),
    moto("dry run, snapshots", "accepted"),
    moto("restore, smaller", "accepted"),
    moto("restore, same token", "another; a a"),
    moto("restore, other parameters", "accepted"),
    moto("detach, not attached", "refused, HTTP 500"),
    moto("instances, malformed id", "refused, InvalidInstanceID.NotFound"),
    moto("zones, unknown", "accepted"),
];
