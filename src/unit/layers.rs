//! The tables that make up one unit, one over the other: template, drop-ins, instance. Nothing is copied to merge them:
//! a key is looked up from the top, and so every value still knows its own line.

use toml::de::{DeTable, DeValue};

use super::report::Place;

/// A value and where it stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node<'a> {
    pub place: Place,
    pub value: &'a DeValue<'a>,
}

impl<'a> Node<'a> {
    /// The value of this key of a table.
    pub fn in_table(file: usize, table: &'a DeTable<'a>, key: &str) -> Option<Self> {
        let value = table.get(key)?;
        Some(Self { place: Place::at(file, value.span().start), value: value.get_ref() })
    }

    /// The values of an array; nothing if it is none.
    pub fn items(self) -> impl Iterator<Item = Self> {
        let items = self.value.as_array().into_iter().flat_map(|array| array.iter());
        items.map(move |item| Self { place: Place::at(self.place.file, item.span().start), value: item.get_ref() })
    }

    /// Keys and values of a table; nothing if it is none.
    pub fn entries(self) -> impl DoubleEndedIterator<Item = (&'a str, Place, Self)> {
        let file = self.place.file;
        let entries = self.value.as_table().into_iter().flat_map(|table| table.iter());
        entries.map(move |(key, value)| {
            let node = Self { place: Place::at(file, value.span().start), value: value.get_ref() };
            (key.get_ref().as_ref(), Place::at(file, key.span().start), node)
        })
    }
}

/// One table.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Layer<'a> {
    /// A file, or an `[[instance]]`: sections with keys.
    Sections(usize, &'a DeTable<'a>),
    /// `environment` of an instance: short for `[service] environment`.
    Environment(Node<'a>),
}

impl<'a> Layer<'a> {
    /// The values of this key; the section "" is the top of the file.
    fn find(self, section: &str, key: &str) -> Option<Node<'a>> {
        match self {
            Self::Sections(file, table) if section.is_empty() => Node::in_table(file, table, key),
            Self::Sections(file, table) => Node::in_table(file, table.get(section)?.get_ref().as_table()?, key),
            Self::Environment(node) => (key == "environment").then_some(node),
        }
    }
}

/// All tables of one unit, the lowest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Layers<'a>(pub Vec<Layer<'a>>);

impl<'a> Layers<'a> {
    /// The tables of one section, whose keys are then at the top.
    pub fn narrowed(&self, section: &str) -> Self {
        let narrow = |layer: &Layer<'a>| match *layer {
            Layer::Sections(..) if section.is_empty() => Some(*layer),
            Layer::Sections(file, table) => Some(Layer::Sections(file, table.get(section)?.get_ref().as_table()?)),
            Layer::Environment(_) => (section == "service").then_some(*layer),
        };
        Self(self.0.iter().filter_map(narrow).collect())
    }

    /// The values of this key, the one that wins last.
    pub fn nodes(&self, section: &str, key: &str) -> impl DoubleEndedIterator<Item = Node<'a>> {
        self.0.iter().filter_map(move |layer| layer.find(section, key))
    }

    /// The value that wins.
    pub fn node(&self, section: &str, key: &str) -> Option<Node<'a>> {
        self.nodes(section, key).next_back()
    }

    /// Where to point for this key: its value, else its section, else the first file.
    pub fn place(&self, section: &str, key: &str) -> Place {
        self.node(section, key).or_else(|| self.node("", section)).map_or_else(|| self.start(), |node| node.place)
    }

    /// Where to point for the `index`th item of an array, or the array.
    pub fn item_place(&self, section: &str, key: &str, index: usize) -> Place {
        let item = self.node(section, key).and_then(|node| node.items().nth(index));
        item.map_or_else(|| self.place(section, key), |node| node.place)
    }

    /// The first file as a whole.
    fn start(&self) -> Place {
        let file = self.0.iter().find_map(|layer| match layer {
            Layer::Sections(file, _) => Some(*file),
            Layer::Environment(_) => None,
        });
        Place::file(file.unwrap_or_default())
    }
}
