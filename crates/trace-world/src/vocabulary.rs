//! The things that can be named.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::values::Language;

/// Things in each category.
const PER_CATEGORY: u8 = 14;

/// English, Spanish and French names, by category, in the alphabetical order of the English ones.
const NAMES: [[&str; 3]; 84] = [
    ["apple", "manzana", "pomme"],
    ["banana", "plátano", "banane"],
    ["blackberry", "mora", "mûre"],
    ["blueberry", "arándano", "myrtille"],
    ["cherry", "cereza", "cerise"],
    ["fig", "higo", "figue"],
    ["grape", "uva", "raisin"],
    ["lemon", "limón", "citron"],
    ["peach", "durazno", "pêche"],
    ["pear", "pera", "poire"],
    ["pineapple", "piña", "ananas"],
    ["plum", "ciruela", "prune"],
    ["raspberry", "frambuesa", "framboise"],
    ["strawberry", "fresa", "fraise"],
    ["bear", "oso", "ours"],
    ["cow", "vaca", "vache"],
    ["crow", "cuervo", "corbeau"],
    ["dog", "perro", "chien"],
    ["duck", "pato", "canard"],
    ["eagle", "águila", "aigle"],
    ["fox", "zorro", "renard"],
    ["goat", "cabra", "chèvre"],
    ["goose", "ganso", "oie"],
    ["horse", "caballo", "cheval"],
    ["owl", "búho", "hibou"],
    ["pig", "cerdo", "cochon"],
    ["swan", "cisne", "cygne"],
    ["wolf", "lobo", "loup"],
    ["axe", "hacha", "hache"],
    ["bucket", "cubo", "seau"],
    ["drill", "taladro", "perceuse"],
    ["fork", "tenedor", "fourchette"],
    ["hammer", "martillo", "marteau"],
    ["hoe", "azada", "houe"],
    ["knife", "cuchillo", "couteau"],
    ["ladder", "escalera", "échelle"],
    ["pan", "sartén", "poêle"],
    ["pot", "olla", "casserole"],
    ["rake", "rastrillo", "râteau"],
    ["saw", "sierra", "scie"],
    ["spade", "pala", "bêche"],
    ["spoon", "cuchara", "cuillère"],
    ["apron", "delantal", "tablier"],
    ["belt", "cinturón", "ceinture"],
    ["boot", "bota", "botte"],
    ["cap", "gorra", "casquette"],
    ["coat", "abrigo", "manteau"],
    ["glove", "guante", "gant"],
    ["hat", "sombrero", "chapeau"],
    ["sandal", "sandalia", "sandale"],
    ["scarf", "bufanda", "écharpe"],
    ["shirt", "camisa", "chemise"],
    ["shoe", "zapato", "chaussure"],
    ["skirt", "falda", "jupe"],
    ["slipper", "zapatilla", "pantoufle"],
    ["sock", "calcetín", "chaussette"],
    ["accordion", "acordeón", "accordéon"],
    ["bagpipe", "gaita", "cornemuse"],
    ["bell", "campana", "cloche"],
    ["clarinet", "clarinete", "clarinette"],
    ["cymbal", "platillo", "cymbale"],
    ["drum", "tambor", "tambour"],
    ["flute", "flauta", "flûte"],
    ["guitar", "guitarra", "guitare"],
    ["harp", "arpa", "harpe"],
    ["horn", "cuerno", "cor"],
    ["lute", "laúd", "luth"],
    ["mandolin", "mandolina", "mandoline"],
    ["trumpet", "trompeta", "trompette"],
    ["violin", "violín", "violon"],
    ["armchair", "sillón", "fauteuil"],
    ["bed", "cama", "lit"],
    ["bench", "banco", "banc"],
    ["blanket", "manta", "couverture"],
    ["candle", "vela", "bougie"],
    ["chair", "silla", "chaise"],
    ["clock", "reloj", "horloge"],
    ["curtain", "cortina", "rideau"],
    ["desk", "escritorio", "bureau"],
    ["lamp", "lámpara", "lampe"],
    ["mirror", "espejo", "miroir"],
    ["pillow", "almohada", "oreiller"],
    ["shelf", "estante", "étagère"],
    ["stool", "taburete", "tabouret"],
];

/// What kind of thing a task asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Apples to strawberries.
    Fruits,
    /// Bears to wolves.
    Animals,
    /// Axes to spoons.
    Tools,
    /// Aprons to socks.
    Clothes,
    /// Accordions to violins.
    Instruments,
    /// Armchairs to stools.
    Furnishings,
}

impl Category {
    /// All categories.
    pub const ALL: [Self; 6] =
        [Self::Fruits, Self::Animals, Self::Tools, Self::Clothes, Self::Instruments, Self::Furnishings];

    /// The word for its things in prompts and headings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fruits => "fruits",
            Self::Animals => "animals",
            Self::Tools => "tools",
            Self::Clothes => "clothes",
            Self::Instruments => "instruments",
            Self::Furnishings => "furnishings",
        }
    }

    /// Its things, in the alphabetical order of their English names.
    pub fn items(self) -> impl Iterator<Item = Item> {
        let first = self as u8 * PER_CATEGORY;
        (first..first + PER_CATEGORY).map(Item)
    }

    /// Its narrower subjects.
    pub fn themes(self) -> impl Iterator<Item = Theme> {
        Theme::ALL.into_iter().filter(move |theme| theme.category() == self)
    }
}

/// A thing that can be named; in files its English name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Item(u8);

impl Item {
    /// Every thing of the world.
    pub fn all() -> impl Iterator<Item = Self> {
        Category::ALL.into_iter().flat_map(Category::items)
    }

    /// The category that it belongs to.
    pub const fn category(self) -> Category {
        Category::ALL[(self.0 / PER_CATEGORY) as usize]
    }

    /// Its name in lower case.
    pub const fn name(self, language: Language) -> &'static str {
        NAMES[self.0 as usize][language as usize]
    }

    /// The thing with the given name in lower case, and the language of the name.
    pub(crate) fn lookup(name: &str) -> Option<(Self, Language)> {
        Self::all().find_map(|item| {
            let language = Language::ALL.into_iter().find(|language| item.name(*language) == name)?;
            Some((item, language))
        })
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name(Language::English))
    }
}

impl Serialize for Item {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name(Language::English))
    }
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let found = Self::all().find(|item| item.name(Language::English) == name);
        found.ok_or_else(|| D::Error::custom(format!("no thing of the world has the name {name:?}")))
    }
}

/// Declares the narrower subjects with their table.
macro_rules! themes {
    ($($variant:ident: $category:ident, $phrase:literal, [$($item:literal)+];)+) => {
        /// A narrower subject within a category.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Theme {
            $(#[doc = concat!("Only ", $phrase, ".")] $variant,)+
        }

        impl Theme {
            /// All subjects.
            pub const ALL: [Self; 18] = [$(Self::$variant,)+];

            /// The category that it narrows.
            pub const fn category(self) -> Category {
                match self {
                    $(Self::$variant => Category::$category,)+
                }
            }

            /// Its name in prompts.
            pub const fn phrase(self) -> &'static str {
                match self {
                    $(Self::$variant => $phrase,)+
                }
            }

            /// The English names of its things.
            const fn names(self) -> &'static [&'static str] {
                match self {
                    $(Self::$variant => &[$($item),+],)+
                }
            }
        }
    };
}

themes! {
    RedFruits: Fruits, "red fruits", ["apple" "cherry" "plum" "raspberry" "strawberry"];
    SmallFruits: Fruits, "small fruits",
        ["blackberry" "blueberry" "cherry" "fig" "grape" "raspberry" "strawberry"];
    TreeFruits: Fruits, "tree fruits", ["apple" "cherry" "fig" "lemon" "peach" "pear" "plum"];
    Birds: Animals, "birds", ["crow" "duck" "eagle" "goose" "owl" "swan"];
    FarmAnimals: Animals, "farm animals", ["cow" "dog" "duck" "goat" "goose" "horse" "pig"];
    WildAnimals: Animals, "wild animals", ["bear" "crow" "eagle" "fox" "owl" "swan" "wolf"];
    KitchenTools: Tools, "kitchen tools", ["fork" "knife" "pan" "pot" "spoon"];
    GardenTools: Tools, "garden tools", ["axe" "bucket" "hoe" "ladder" "rake" "saw" "spade"];
    WorkshopTools: Tools, "workshop tools", ["axe" "drill" "hammer" "knife" "ladder" "saw"];
    Footwear: Clothes, "clothes for the feet", ["boot" "sandal" "shoe" "slipper" "sock"];
    WinterClothes: Clothes, "winter clothes", ["boot" "cap" "coat" "glove" "scarf" "sock"];
    SummerClothes: Clothes, "summer clothes", ["cap" "hat" "sandal" "shirt" "skirt"];
    StringInstruments: Instruments, "string instruments", ["guitar" "harp" "lute" "mandolin" "violin"];
    WindInstruments: Instruments, "wind instruments", ["bagpipe" "clarinet" "flute" "horn" "trumpet"];
    LoudInstruments: Instruments, "loud instruments",
        ["bagpipe" "bell" "cymbal" "drum" "horn" "trumpet"];
    Seats: Furnishings, "furnishings for sitting", ["armchair" "bed" "bench" "chair" "stool"];
    BedroomFurnishings: Furnishings, "bedroom furnishings",
        ["bed" "blanket" "clock" "curtain" "lamp" "mirror" "pillow"];
    SoftFurnishings: Furnishings, "soft furnishings",
        ["armchair" "bed" "blanket" "curtain" "pillow"];
}

impl Theme {
    /// Whether a thing belongs to the subject.
    pub fn contains(self, item: Item) -> bool {
        self.names().contains(&item.name(Language::English))
    }
}
