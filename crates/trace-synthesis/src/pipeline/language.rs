//! The language of prompts.

use serde::Serialize;
use trace_score::trace::PromptLanguage;

/// From this share of letters on, Chinese characters make a text Chinese. A Chinese character says as much as a word
/// of several letters, so the share is low.
const HAN_SHARE: f64 = 0.2;

/// Which prompts a row gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LanguageChoice {
    /// The prompts of the seed's language, Chinese or else English.
    #[default]
    Auto,
    /// English prompts for all.
    En,
    /// Chinese prompts for all.
    Zh,
}

impl LanguageChoice {
    /// The language for a text.
    pub fn of(self, text: &str) -> PromptLanguage {
        match self {
            Self::En => PromptLanguage::English,
            Self::Zh => PromptLanguage::Chinese,
            Self::Auto if is_chinese(text) => PromptLanguage::Chinese,
            Self::Auto => PromptLanguage::English,
        }
    }
}

fn is_chinese(text: &str) -> bool {
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    let han = text.chars().filter(|c| ('\u{4e00}'..='\u{9fff}').contains(c)).count();
    han > 0 && han as f64 >= HAN_SHARE * letters as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chinese_text_gets_chinese_prompts_and_all_else_english_ones() {
        let auto = |text| LanguageChoice::Auto.of(text);
        for text in ["写一首诗", "用 Python 写一个排序函数"] {
            assert_eq!(auto(text), PromptLanguage::Chinese, "{text}");
        }
        for text in ["Write a poem.", "", "123", "What does the character 福 mean on red paper?"] {
            assert_eq!(auto(text), PromptLanguage::English, "{text}");
        }
        assert_eq!(LanguageChoice::En.of("写一首诗"), PromptLanguage::English);
    }
}
