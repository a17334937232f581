//! Tables (`text/csv`, tab-separated values): an object with the columns' names and the rows.
//!
//! `id,name` and `1,a` are `{"columns":["id","name"],"rows":[{"id":"1","name":"a"}]}`: a rule names a
//! cell as `body:/rows/*/name`, a moved column is one `order` difference of `/columns` and no
//! difference of any row. With `header=absent` rows are arrays. Cells are texts.

use super::writer::Writer;
use super::{Piece, Problem};
use csv::{ByteRecord, ReaderBuilder};

pub(super) fn push(piece: &Piece<'_>, out: &mut Writer) -> Result<(), Problem> {
    let media = piece.media.as_ref();
    let tabbed = media.is_some_and(|media| media.essence == "text/tab-separated-values");
    let headless = media.and_then(|media| media.parameter("header")) == Some("absent");
    let bytes = piece.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(piece.bytes);
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(if tabbed { b'\t' } else { b',' })
        .quoting(!tabbed)
        .from_reader(bytes);
    let (mut columns, mut row) = (ByteRecord::new(), ByteRecord::new());
    let damaged = |error: csv::Error| error.to_string();
    out.object(|out| {
        if !headless {
            reader.read_byte_record(&mut columns).map_err(damaged)?;
            out.key(b"columns");
            push_cells(&columns, out)?;
        }
        out.key(b"rows");
        out.array(|out| {
            while reader.read_byte_record(&mut row).map_err(damaged)? {
                if headless { push_cells(&row, out)? } else { push_row(&columns, &row, out)? }
            }
            Ok(())
        })
    })
}

fn push_cells(row: &ByteRecord, out: &mut Writer) -> Result<(), Problem> {
    out.array(|out| {
        row.iter().for_each(|cell| out.string(cell));
        Ok(())
    })
}

fn push_row(columns: &ByteRecord, row: &ByteRecord, out: &mut Writer) -> Result<(), Problem> {
    out.object(|out| {
        for (index, cell) in row.iter().enumerate() {
            match columns.get(index) {
                Some(name) => out.key(name),
                None => out.key(format!("column {}", index + 1).as_bytes()),
            }
            out.string(cell);
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use crate::diff::body::tree::tests::written;

    #[test]
    fn cells_are_found_by_the_names_of_their_columns() {
        let table = |mime, body: &str| written(mime, body.as_bytes()).unwrap();
        assert_eq!(
            table("text/csv", "id,\"a,b\"\r\n1,\"x\n\"\"y\"\"\"\r\n2\r\n3,4,5\r\n"),
            r#"{"columns":["id","a,b"],"rows":[{"id":"1","a,b":"x\n\"y\""},{"id":"2"},{"id":"3","a,b":"4","column 3":"5"}]}"#
        );
        assert_eq!(table("text/csv; header=absent", "1,2\n"), r#"{"rows":[["1","2"]]}"#);
        assert_eq!(
            table("text/tab-separated-values", "a\tb\n\"\t,\n"),
            r#"{"columns":["a","b"],"rows":[{"a":"\"","b":","}]}"#
        );
    }

    #[test]
    fn long_names_in_many_rows_reach_the_bound() {
        let body = "n".repeat(1 << 20) + &"\n1".repeat(100);
        assert!(written("text/csv", body.as_bytes()).unwrap_err().starts_with("it holds more than"));
    }
}
