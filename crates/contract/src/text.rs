//! Text that must fit: lengths are counted as JSON, where a control character takes six bytes.

/// The number of bytes that `character` takes inside a JSON string.
fn json_width(character: char) -> usize {
    match character {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        control if control < ' ' => 6,
        other => other.len_utf8(),
    }
}

/// The number of bytes that `text` takes inside a JSON string, without the quotes.
#[must_use]
pub fn json_len(text: &str) -> usize {
    text.chars().map(json_width).sum()
}

/// `text`, cut so that it takes at most `max` bytes inside a JSON string. What was cut is shown by an ellipsis.
#[must_use]
pub fn clip(text: &str, max: usize) -> String {
    if json_len(text) <= max {
        return text.to_owned();
    }
    let room = max.saturating_sub('…'.len_utf8());
    let mut used = 0;
    let kept: String = text
        .chars()
        .take_while(|character| {
            used += json_width(*character);
            used <= room
        })
        .collect();
    kept + "…"
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_clipped_text_fits_and_its_length_is_the_serialised_one(text in ".{0,80}", max in 3_usize..60) {
            let clipped = clip(&text, max);
            prop_assert!(json_len(&clipped) <= max);
            prop_assert_eq!(serde_json::to_string(&clipped).unwrap().len() - 2, json_len(&clipped));
        }

        #[test]
        fn a_text_that_fits_is_left_alone(text in "[a-z]{0,40}") {
            prop_assert_eq!(clip(&text, 40), text);
        }
    }
}
