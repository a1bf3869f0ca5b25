//! Rows cut into columns with their levels.
//!
//! A column has a value for each row, or several where there is a list above it, or none where something is absent.
//! Two numbers beside each value say which: the definition level is how many optional and repeated parts of its path
//! are there, the repetition level is the list in whose middle it stands, 0 for a new row.
//!
//! # Source
//!
//! Melnik et al., Dremel: Interactive Analysis of Web-Scale Datasets (VLDB 2010), Section 4.

use std::io::Write;
use std::sync::Arc;

use ::parquet::basic::{ConvertedType, Type as PhysicalType};
use ::parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use ::parquet::errors::ParquetError;
use ::parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use ::parquet::schema::types::{Type, TypePtr};
use serde_json::{Map, Value};

/// The values of one row group, column by column.
pub(super) struct Columns {
    schema: TypePtr,
    columns: Vec<Column>,
    bytes: usize,
}

/// One column: values, and levels for values and absences.
struct Column {
    values: Values,
    definition: Vec<i16>,
    repetition: Vec<i16>,
}

enum Values {
    Texts(Vec<ByteArray>),
    Numbers(Vec<i64>),
}

/// Where in the tree of a row we are.
#[derive(Clone, Copy)]
struct Level {
    definition: i16,
    /// That of the next value.
    repetition: i16,
    /// How many lists are above.
    lists: i16,
}

impl Columns {
    pub(super) fn new(schema: TypePtr) -> Self {
        let mut columns = Vec::new();
        leaves(&schema, &mut |leaf| {
            let values = match leaf.get_physical_type() {
                PhysicalType::INT64 => Values::Numbers(Vec::new()),
                _ => Values::Texts(Vec::new()),
            };
            columns.push(Column { values, definition: Vec::new(), repetition: Vec::new() });
        });
        Self { schema, columns, bytes: 0 }
    }

    /// Empty columns of the same types.
    pub(super) fn next(&self) -> Self {
        Self::new(Arc::clone(&self.schema))
    }

    /// How much memory the values take, about.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds a row, or says what does not fit. After an error the columns are of no use.
    pub(super) fn add(&mut self, row: &Value) -> Result<(), String> {
        let schema = Arc::clone(&self.schema);
        let mut at = 0;
        let level = Level { definition: 0, repetition: 0, lists: 0 };
        self.add_fields(&schema, row, level, &mut at)
    }

    /// Adds the content of a group of fields; `at` is its first column, and then the one after its last.
    fn add_fields(
        &mut self,
        group: &Type,
        value: &Value,
        level: Level,
        at: &mut usize,
    ) -> Result<(), String> {
        let object = value.as_object().ok_or_else(|| format!("{:?} is not an object", group.name()))?;
        check_keys(group, object)?;
        group
            .get_fields()
            .iter()
            .try_for_each(|field| self.add_field(field, object.get(field.name()), level, at))
    }

    fn add_field(
        &mut self,
        field: &Type,
        value: Option<&Value>,
        mut level: Level,
        at: &mut usize,
    ) -> Result<(), String> {
        let value = match (value.filter(|value| !value.is_null()), field.is_optional()) {
            (None, true) => {
                self.add_absence(field, level, at);
                return Ok(());
            }
            (None, false) => return Err(format!("{:?} is missing", field.name())),
            (Some(value), optional) => {
                level.definition += i16::from(optional);
                value
            }
        };
        if field.is_primitive() {
            return self.add_value(field, value, level, at);
        }
        match field.get_basic_info().converted_type() {
            ConvertedType::LIST => self.add_list(field, value, level, at),
            _ => self.add_fields(field, value, level, at),
        }
    }

    /// The elements of a list, or one absence that says that there are none.
    fn add_list(&mut self, field: &Type, value: &Value, level: Level, at: &mut usize) -> Result<(), String> {
        let elements = value.as_array().ok_or_else(|| format!("{:?} is not a list", field.name()))?;
        let element = field.get_fields().first().and_then(|list| list.get_fields().first());
        let element = element.ok_or_else(|| format!("{:?} has no elements", field.name()))?;
        if elements.is_empty() {
            self.add_absence(field, level, at);
            return Ok(());
        }
        let first_column = *at;
        let mut inside = Level { definition: level.definition + 1, lists: level.lists + 1, ..level };
        for value in elements {
            *at = first_column;
            self.add_field(element, Some(value), inside, at)?;
            inside.repetition = inside.lists;
        }
        Ok(())
    }

    fn add_value(&mut self, field: &Type, value: &Value, level: Level, at: &mut usize) -> Result<(), String> {
        let column = &mut self.columns[*at];
        match (&mut column.values, value) {
            (Values::Texts(texts), Value::String(text)) => {
                self.bytes += text.len();
                texts.push(ByteArray::from(text.as_str()));
            }
            // Unsigned numbers keep their bits; the column says that they are unsigned.
            (Values::Numbers(numbers), value) if value.is_u64() => {
                numbers.push(value.as_u64().unwrap_or_default().cast_signed());
            }
            _ => return Err(format!("{:?} is of another type", field.name())),
        }
        self.bytes += size_of::<ByteArray>();
        column.add_levels(level);
        *at += 1;
        Ok(())
    }

    /// Every column below an absent field says so.
    fn add_absence(&mut self, field: &Type, level: Level, at: &mut usize) {
        leaves(field, &mut |_| {
            self.columns[*at].add_levels(level);
            self.bytes += 2 * size_of::<i16>();
            *at += 1;
        });
    }

    /// Writes one row group.
    pub(super) fn write<W: Write + Send>(
        self,
        file: &mut SerializedFileWriter<W>,
    ) -> Result<(), ParquetError> {
        let mut group = file.next_row_group()?;
        for column in self.columns {
            let Some(mut writer) = group.next_column()? else {
                return Err(ParquetError::General("there are more values than columns".to_owned()));
            };
            column.write(&mut writer)?;
            writer.close()?;
        }
        group.close()?;
        Ok(())
    }
}

impl Column {
    fn add_levels(&mut self, level: Level) {
        self.definition.push(level.definition);
        self.repetition.push(level.repetition);
    }

    fn write(&self, writer: &mut SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        let (definition, repetition) = (Some(&*self.definition), Some(&*self.repetition));
        match &self.values {
            Values::Texts(values) => {
                writer.typed::<ByteArrayType>().write_batch(values, definition, repetition)?;
            }
            Values::Numbers(values) => {
                writer.typed::<Int64Type>().write_batch(values, definition, repetition)?;
            }
        }
        Ok(())
    }
}

/// Columns have nothing for keys that they do not know, and nothing is left out in silence.
fn check_keys(group: &Type, object: &Map<String, Value>) -> Result<(), String> {
    let is_known = |key: &str| group.get_fields().iter().any(|field| field.name() == key);
    match object.keys().find(|key| !is_known(key)) {
        Some(key) => Err(format!("there is no column for the key {key:?}")),
        None => Ok(()),
    }
}

fn leaves(field: &Type, visit: &mut impl FnMut(&Type)) {
    if field.is_primitive() {
        return visit(field);
    }
    for field in field.get_fields() {
        leaves(field, visit);
    }
}
