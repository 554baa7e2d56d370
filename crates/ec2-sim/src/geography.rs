//! The regions of AWS's public partition, whether an account must opt in, and the zones of each.

/// Names of regions, and whether they need no opt-in (AWS account management guide, "Regions").
pub const REGIONS: [(&str, bool); 34] = [
    ("af-south-1", false),
    ("ap-east-1", false),
    ("ap-east-2", false),
    ("ap-northeast-1", true),
    ("ap-northeast-2", true),
    ("ap-northeast-3", true),
    ("ap-south-1", true),
    ("ap-south-2", false),
    ("ap-southeast-1", true),
    ("ap-southeast-2", true),
    ("ap-southeast-3", false),
    ("ap-southeast-4", false),
    ("ap-southeast-5", false),
    ("ap-southeast-6", false),
    ("ap-southeast-7", false),
    ("ca-central-1", true),
    ("ca-west-1", false),
    ("eu-central-1", true),
    ("eu-central-2", false),
    ("eu-north-1", true),
    ("eu-south-1", false),
    ("eu-south-2", false),
    ("eu-west-1", true),
    ("eu-west-2", true),
    ("eu-west-3", true),
    ("il-central-1", false),
    ("me-central-1", false),
    ("me-south-1", false),
    ("mx-central-1", false),
    ("sa-east-1", true),
    ("us-east-1", true),
    ("us-east-2", true),
    ("us-west-1", true),
    ("us-west-2", true),
];

/// The zones of every region, by the letter behind its name. Real regions have three or more.
pub const ZONES: [char; 3] = ['a', 'b', 'c'];
