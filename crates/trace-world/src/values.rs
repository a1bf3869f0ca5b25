//! What a constraint can ask for: small sets of values, each with the text that stands for it.

use serde::{Deserialize, Serialize};

/// Declares a set of values with the text of each.
macro_rules! values {
    ($(#[$doc:meta])* $name:ident, $count:literal, $(#[$text_doc:meta])* $text:ident:
        $($variant:ident = $value:literal,)+) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $(#[doc = concat!("`", $value, "`.")] $variant,)+
        }

        impl $name {
            /// All values.
            pub const ALL: [Self; $count] = [$(Self::$variant,)+];

            $(#[$text_doc])*
            pub const fn $text(self) -> &'static str {
                match self {
                    $(Self::$variant => $value,)+
                }
            }
        }
    };
}

values! {
    /// The language of the names.
    Language, 3,
    /// Its name in prompts.
    name: English = "English", Spanish = "Spanish", French = "French",
}

values! {
    /// How a number bounds the number of items.
    Bound, 3,
    /// The words before the number.
    phrase: Exactly = "exactly", AtLeast = "at least", AtMost = "at most",
}

values! {
    /// How the number of items compares with a number.
    Comparison, 2,
    /// The words before the number.
    phrase: MoreThan = "more than", FewerThan = "fewer than",
}

values! {
    /// Who writes the response.
    Role, 4,
    /// The word in prompts and in the signature.
    word: Farmer = "farmer", Teacher = "teacher", Doctor = "doctor", Queen = "queen",
}

values! {
    /// Who reads the response.
    Audience, 4,
    /// The word in prompts and in the salutation.
    word: Children = "children", Friends = "friends", Guests = "guests", Students = "students",
}

values! {
    /// The word that a condition calls for.
    ConditionWord, 3,
    /// The word.
    word: Enough = "enough", Plenty = "plenty", Noted = "noted",
}

values! {
    /// A step of a procedure given in sentences.
    SpokenStep, 4,
    /// The word to say.
    word: Ready = "ready", Steady = "steady", Done = "done", Over = "over",
}

values! {
    /// A step of a procedure laid out in Markdown.
    ListedStep, 4,
    /// The word to say.
    word: Start = "start", Next = "next", Check = "check", Stop = "stop",
}

values! {
    /// Whose things the items must be.
    Holder, 2,
    /// The name in the input.
    name: Ann = "Ann", Ben = "Ben",
}

values! {
    /// Which side of a price the items must be on.
    PriceSide, 2,
    /// The words before the price.
    phrase: Below = "less than", Above = "more than",
}

values! {
    /// The tone of the opening line.
    Tone, 3,
    /// The word in prompts.
    word: Polite = "polite", Casual = "casual", Solemn = "solemn",
}

values! {
    /// A feeling to show.
    Feeling, 4,
    /// The word in prompts.
    word: Joy = "joy", Sorrow = "sorrow", Surprise = "surprise", Relief = "relief",
}

values! {
    /// On which side of the items a line stands.
    Side, 2,
    /// The word in prompts.
    word: Before = "before", After = "after",
}

values! {
    /// Where the line of a template stands.
    Place, 3,
    /// The words in prompts.
    phrase: Before = "before", After = "after", Both = "before and after",
}

values! {
    /// The line of a template.
    TemplateLine, 4,
    /// The line.
    text: MyList = "my list", TheAnswer = "the answer", FromMemory = "from memory", JustIdeas = "just ideas",
}

values! {
    /// The property that the adjective before an item names.
    AdjectiveKind, 3,
    /// The word in prompts.
    word: Size = "size", Age = "age", Quality = "quality",
}

values! {
    /// An adjective.
    Adjective, 9,
    /// The word.
    word: Big = "big", Small = "small", Enormous = "enormous", Old = "old", New = "new", Ancient = "ancient",
        Good = "good", Fine = "fine", Excellent = "excellent",
}

values! {
    /// The data format of the items.
    OutputFormat, 4,
    /// Its name in prompts.
    name: Json = "JSON", Html = "HTML", Latex = "LaTeX", Table = "table",
}

values! {
    /// How the names are set.
    TextPattern, 4,
    /// The words in prompts.
    phrase: Capitals = "capital letters", Title = "title case", Bold = "bold", Italics = "italics",
}

values! {
    /// What stands before an item.
    Determiner, 3,
    /// The words in prompts.
    phrase: Indefinite = "a or an", Definite = "the", Possessive = "my",
}

values! {
    /// What the marks after the items count with.
    MarkKind, 2,
    /// The word in prompts.
    word: Numbers = "numbers", Letters = "letters",
}

values! {
    /// What begins the line of an item.
    ListMark, 4,
    /// The words in prompts.
    phrase: Dots = "a number and a dot", Brackets = "a number and a bracket", Dashes = "a dash",
        Stars = "a star",
}

values! {
    /// The headings above the items.
    Headings, 3,
    /// The words in prompts.
    phrase: First = "level one", Second = "level two", Both = "both levels",
}

values! {
    /// What encloses a name.
    Enclosure, 3,
    /// A name so enclosed, as the example in prompts.
    example: Round = "(thing)", Curly = "{thing}", Tilde = "~thing~",
}

values! {
    /// What stands between items on a line.
    Separator, 4,
    /// The text.
    text: Comma = ", ", Semicolon = "; ", Slash = " / ", Plus = " + ",
}

impl AdjectiveKind {
    /// Its adjectives.
    pub const fn adjectives(self) -> [Adjective; 3] {
        match self {
            Self::Size => [Adjective::Big, Adjective::Small, Adjective::Enormous],
            Self::Age => [Adjective::Old, Adjective::New, Adjective::Ancient],
            Self::Quality => [Adjective::Good, Adjective::Fine, Adjective::Excellent],
        }
    }
}

impl Tone {
    /// The line that sets the tone.
    pub const fn opener(self) -> &'static str {
        match self {
            Self::Polite => "with pleasure",
            Self::Casual => "here you go",
            Self::Solemn => "hear these words",
        }
    }
}

impl Feeling {
    /// The line that shows the feeling.
    pub const fn exclamation(self) -> &'static str {
        match self {
            Self::Joy => "hooray",
            Self::Sorrow => "alas",
            Self::Surprise => "wow",
            Self::Relief => "phew",
        }
    }
}
