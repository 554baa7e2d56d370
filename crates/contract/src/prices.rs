//! List prices of EBS volumes: the only place for them. They make hints for a report, and nothing is decided by them.
//!
//! Source: AWS's page "Amazon EBS pricing", <https://aws.amazon.com/ebs/pricing/>. The page shows io2's upper tiers rounded to
//! a tenth of a cent; here they are as AWS's price list has them. Free tiers, discounts and taxes are left out, and so is what
//! magnetic volumes cost for each request.

/// The month in which these were the prices.
pub const PRICES_AS_OF: &str = "2026-01";
/// The region whose prices they are. Other regions have others.
pub const PRICES_REGION: &str = "us-east-1";
/// Prices are in thousandths of a US cent, the largest unit in which all of them are whole: so many make a cent.
pub const PER_CENT: i64 = 1_000;

/// What a type costs in a month, in thousandths of a US cent ([`PER_CENT`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListPrice {
    /// A GiB.
    pub gib: i64,
    /// Provisioned IOPS.
    pub iops: &'static [Tier],
    /// Provisioned MiB/s of throughput.
    pub mibps: &'static [Tier],
}

/// What is above so many, and not above the next tier, costs so much a piece. What is below the first tier is included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tier {
    /// Where it begins.
    pub above: u32,
    /// The price of a piece.
    pub each: i64,
}

const fn storage(gib: i64) -> ListPrice {
    ListPrice { gib, iops: &[], mibps: &[] }
}

/// USD 0.10 a GiB.
pub const GP2: ListPrice = storage(10_000);
/// USD 0.08 a GiB, 0.005 an IOPS above 3,000, 0.04 a MiB/s above 125.
pub const GP3: ListPrice = ListPrice {
    iops: &[Tier { above: 3_000, each: 500 }],
    mibps: &[Tier { above: 125, each: 4_000 }],
    ..storage(8_000)
};
/// USD 0.125 a GiB, 0.065 an IOPS.
pub const IO1: ListPrice = ListPrice { iops: &[Tier { above: 0, each: 6_500 }], ..storage(12_500) };
/// USD 0.125 a GiB, 0.065 an IOPS, 0.0455 above 32,000, 0.03185 above 64,000.
pub const IO2: ListPrice = ListPrice {
    iops: &[Tier { above: 0, each: 6_500 }, Tier { above: 32_000, each: 4_550 }, Tier { above: 64_000, each: 3_185 }],
    ..storage(12_500)
};
/// USD 0.045 a GiB.
pub const ST1: ListPrice = storage(4_500);
/// USD 0.015 a GiB.
pub const SC1: ListPrice = storage(1_500);
/// USD 0.05 a GiB.
pub const STANDARD: ListPrice = storage(5_000);
